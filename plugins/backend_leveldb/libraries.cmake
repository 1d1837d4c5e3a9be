find_library(LEVELDB_LIBRARY leveldb REQUIRED) # it comes without a .pc file
set(libraries ${LEVELDB_LIBRARY})
