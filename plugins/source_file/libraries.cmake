list(APPEND sources "${CMAKE_CURRENT_LIST_DIR}/bytes.c" "${CMAKE_CURRENT_LIST_DIR}/reader.c")
set(libraries PkgConfig::ZLIB PkgConfig::ZSTD)
