# Every library Millgate links, found once. A missing one is named with the Debian package that has
# it, all of them in one message.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(MILLGATE_MISSING "")
add_library(millgate_dependencies INTERFACE)

# millgate_require(<pkg-config module> <minimum version> <Debian package>)
function(millgate_require module version package)
  string(MAKE_C_IDENTIFIER "DEP_${module}" prefix)
  pkg_check_modules(${prefix} IMPORTED_TARGET GLOBAL QUIET ${module}>=${version})
  if(${prefix}_FOUND)
    target_link_libraries(millgate_dependencies INTERFACE PkgConfig::${prefix})
  else()
    set(MILLGATE_MISSING "${MILLGATE_MISSING}\n  ${module} >= ${version}  (apt-get install ${package})"
      PARENT_SCOPE)
  endif()
endfunction()

millgate_require(libmicrohttpd 0.9.75 libmicrohttpd-dev)
millgate_require(gnutls 3.7 libgnutls28-dev)
millgate_require(jansson 2.14 libjansson-dev)
millgate_require(libjwt 1.10 libjwt-dev)
millgate_require(openssl 3.0 libssl-dev)
millgate_require(hiredis 0.14 libhiredis-dev)
millgate_require(libuv 1.44 libuv1-dev)
millgate_require(libpcre2-8 10.40 libpcre2-dev)
millgate_require(libidn2 2.3 libidn2-dev)
millgate_require(zlib 1.2.11 zlib1g-dev)
millgate_require(libzstd 1.5 libzstd-dev)
millgate_require(expat 2.5 libexpat1-dev)
millgate_require(libmosquitto 2.0 libmosquitto-dev)
millgate_require(libprotobuf-c 1.4 libprotobuf-c-dev)
millgate_require(sqlite3 3.40 libsqlite3-dev)

# libjq has no pkg-config file in Debian 12.
find_path(JQ_INCLUDE_DIR jq.h)
find_library(JQ_LIBRARY jq)
if(JQ_INCLUDE_DIR AND JQ_LIBRARY)
  target_include_directories(millgate_dependencies INTERFACE ${JQ_INCLUDE_DIR})
  target_link_libraries(millgate_dependencies INTERFACE ${JQ_LIBRARY})
else()
  string(APPEND MILLGATE_MISSING "\n  libjq >= 1.6  (apt-get install libjq-dev)")
endif()

# Makes C of .proto files while building.
find_program(PROTOC_C protoc-c)
if(NOT PROTOC_C)
  string(APPEND MILLGATE_MISSING "\n  protoc-c  (apt-get install protobuf-c-compiler)")
endif()

if(BUILD_TESTING)
  pkg_check_modules(CMOCKA IMPORTED_TARGET GLOBAL QUIET cmocka>=1.1.5)
  if(NOT CMOCKA_FOUND)
    string(APPEND MILLGATE_MISSING "\n  cmocka >= 1.1.5  (apt-get install libcmocka-dev)")
  endif()
endif()

if(MILLGATE_MISSING)
  message(FATAL_ERROR
    "Millgate needs libraries that are not installed:${MILLGATE_MISSING}\n"
    "script/bootstrap installs all of them on Debian 12.")
endif()

target_link_libraries(millgate_dependencies INTERFACE Threads::Threads m)
