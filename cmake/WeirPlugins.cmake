# weir_plugin(NAME SOURCES file... LINKS library... OUTPUT directory): a plugin as a stranger would build it: only the ABI's
# include folder, hidden symbols, everything resolved at link time; and its manifest beside it, made by `weir inspect`.
# Used by this project and, through find_package(weir), by any other.

function(weir_plugin name)
  cmake_parse_arguments(arg "NO_MANIFEST" "OUTPUT" "SOURCES;LINKS" ${ARGN})
  if(NOT arg_OUTPUT)
    set(arg_OUTPUT "${CMAKE_BINARY_DIR}/plugins")
  endif()
  add_library(${name} MODULE ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY "${arg_OUTPUT}")
  if(TARGET weir::libweir) # installed
    find_program(WEIR_PROGRAM weir HINTS "${WEIR_INSTALLED_BIN}" REQUIRED)
    set(program "${WEIR_PROGRAM}")
    target_include_directories(${name} PRIVATE "$<TARGET_PROPERTY:weir::libweir,INTERFACE_INCLUDE_DIRECTORIES>")
  else()
    set(program $<TARGET_FILE:weir>)
    target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/plugin-api/include")
  endif()
  target_compile_options(${name} PRIVATE -Wall -Wextra -fvisibility=hidden $<$<BOOL:${WEIR_WERROR}>:-Werror>)
  target_link_options(${name} PRIVATE -Wl,-z,now -Wl,--build-id=sha1)
  if(NOT WEIR_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  # Hosts refuse files that others can change, whatever the umask was.
  add_custom_command(TARGET ${name} POST_BUILD COMMAND chmod go-w $<TARGET_FILE:${name}> VERBATIM)
  if(NOT arg_NO_MANIFEST)
    # The stamp depends on weir only by order, so a change of the runtime does not describe every plugin anew.
    add_custom_command(TARGET ${name} POST_BUILD
      COMMAND ${program} inspect --manifest --write $<TARGET_FILE:${name}>
      COMMENT "Describing ${name}" VERBATIM)
    if(TARGET weir)
      add_dependencies(${name} weir)
    endif()
  endif()
endfunction()
