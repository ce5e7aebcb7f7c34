/* What one limit says to one request: the common result of all the arithmetics here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct limit_answer {
    bool is_admitted;
    uint64_t remaining; /* further units that would be admitted at this moment */
    uint64_t reset_ns;  /* until the whole limit is there again; if none is: until one may pass */
};
