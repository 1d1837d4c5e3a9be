list(APPEND sources "${CMAKE_CURRENT_LIST_DIR}/bucket.c" "${CMAKE_CURRENT_LIST_DIR}/part.c")
