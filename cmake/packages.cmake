# The libraries that scripts/layers.txt names in <angle brackets>, as targets pkg_<name>.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
link_libraries(Threads::Threads m)

function(trimtab_package name)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${ARGN})
    add_library(pkg_${name} INTERFACE)
    target_link_libraries(pkg_${name} INTERFACE PkgConfig::${name})
endfunction()

trimtab_package(nettle nettle)
trimtab_package(cjson libcjson)
trimtab_package(sqlite3 sqlite3)
trimtab_package(microhttpd libmicrohttpd)
trimtab_package(curl libcurl)
trimtab_package(nlopt nlopt)
trimtab_package(cmocka cmocka)

# Serial OpenBLAS by its own path: Debian's alternatives may point libblas elsewhere, and threads belong above BLAS.
find_library(OPENBLAS_SERIAL openblas PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-serial NO_DEFAULT_PATH REQUIRED)
find_path(CBLAS_INCLUDE cblas.h PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-serial NO_DEFAULT_PATH REQUIRED)
add_library(pkg_blas INTERFACE)
target_include_directories(pkg_blas SYSTEM INTERFACE ${CBLAS_INCLUDE})
target_link_libraries(pkg_blas INTERFACE ${OPENBLAS_SERIAL})

# GSL over OpenBLAS: its pkg-config file would bring in gslcblas, nine times slower.
find_library(GSL gsl REQUIRED)
add_library(pkg_gsl INTERFACE)
target_link_libraries(pkg_gsl INTERFACE ${GSL} pkg_blas)
