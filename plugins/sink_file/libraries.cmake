foreach(file bucket columns held leftovers part phases strings)
  list(APPEND sources "${CMAKE_CURRENT_LIST_DIR}/${file}.c")
endforeach()
