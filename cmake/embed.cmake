# Files that a program carries inside: trimtab_embed(docs/x.yaml experiments/http/x.h X_YAML) makes generated/experiments/http/x.h with
# static const char X_YAML[], a C string.  Made when CMake runs, and again when the file has changed.
function(trimtab_embed file header symbol)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${file})
    file(READ ${CMAKE_SOURCE_DIR}/${file} hex HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${header} CONTENT
        "/* Made by CMake from @file@. */\nstatic const char @symbol@[] = {\n@bytes@0};\n" @ONLY)
endfunction()
