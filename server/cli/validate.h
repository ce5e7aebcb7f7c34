/* millgate validate: JSON files against a schema, and the Bowtie harness. */
#pragma once

/* argv[0] is the word "validate". Returns the exit code: 0 valid, 1 not valid, 2 usage or a schema
 * or file that cannot be read. */
int gw_cli_validate(int argc, char **argv);

extern const char gw_cli_validate_usage[]; /* lines end in \n */
