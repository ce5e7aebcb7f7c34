/* The commands `millgate token` and `millgate token verify`. */
#pragma once

/* argv[0] is "token". Returns the exit code: 0, 1 (a token that is not valid, or a failure), 2
 * (usage). Standard output carries the token, or the verdict as JSON, and nothing else. */
int token_command(int argc, char **argv);

extern const char token_command_usage[];
