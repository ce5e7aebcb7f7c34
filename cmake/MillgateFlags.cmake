# Warnings for all builds; what a preset adds (sanitizers, hardening) comes by MILLGATE_SANITIZE and
# the build type.
set(MILLGATE_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=... (empty: none)")

add_library(millgate_flags INTERFACE)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # __attribute__ and container_of; see docs/adr
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

target_compile_options(millgate_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
  -Wno-missing-field-initializers # tables leave out what is zero
  -fno-strict-aliasing -fno-common)
if(MILLGATE_WERROR)
  target_compile_options(millgate_flags INTERFACE -Werror)
endif()

if(MILLGATE_SANITIZE)
  target_compile_options(millgate_flags INTERFACE
    -fsanitize=${MILLGATE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(millgate_flags INTERFACE -fsanitize=${MILLGATE_SANITIZE})
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(millgate_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
  target_link_options(millgate_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
