foreach(file bucket leftovers part phases strings)
  list(APPEND sources "${CMAKE_CURRENT_LIST_DIR}/${file}.c")
endforeach()
