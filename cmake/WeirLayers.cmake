# One object library per folder. Each folder may include only its own headers and those of the floors named in USES: the
# include paths of a target are exactly those folders' parents, and tests/lint checks the includes as a backstop.

add_library(weir_flags INTERFACE)
target_compile_options(weir_flags INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith
  -fno-omit-frame-pointer $<$<BOOL:${WEIR_WERROR}>:-Werror>)
target_compile_definitions(weir_flags INTERFACE _GNU_SOURCE)
if(WEIR_SANITIZE)
  # Instrumented code hides from GCC what was initialised; the plain builds keep that warning.
  add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all -g $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  add_link_options(-fsanitize=${WEIR_SANITIZE})
  add_compile_definitions(WEIR_SANITIZED=1)
endif()
if(WEIR_SANITIZE MATCHES thread)
  add_library(weir_tsan OBJECT "${CMAKE_CURRENT_LIST_DIR}/tsan.c")
  link_libraries("$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:$<TARGET_OBJECTS:weir_tsan>>")
endif()

# weir_layer(NAME folder USES layer... LINKS library...): all .c files of this folder (not of folders below it).
function(weir_layer name)
  cmake_parse_arguments(arg "" "" "USES;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.c")
  if(NOT sources)
    file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/empty.c" "typedef int weir_empty_translation_unit;\n")
    set(sources "${CMAKE_CURRENT_BINARY_DIR}/empty.c")
  endif()
  add_library(weir_${name} STATIC ${sources})
  target_include_directories(weir_${name} PUBLIC "${CMAKE_SOURCE_DIR}/plugin-api/include" "${CMAKE_SOURCE_DIR}/runtime"
                             "${CMAKE_SOURCE_DIR}")
  target_link_libraries(weir_${name} PRIVATE weir_flags)
  foreach(layer IN LISTS arg_USES)
    target_link_libraries(weir_${name} PUBLIC weir_${layer})
  endforeach()
  target_link_libraries(weir_${name} PUBLIC ${arg_LINKS})
endfunction()
