/* The harness protocol of Bowtie (https://docs.bowtie.report), version 1: one JSON object per line
 * in, one per line out, so that public conformance reports can include this validator. */
#pragma once

#include <stdio.h>

/* Answers start, dialect and run until stop or the end of `in`. Returns the exit code: 0, or 2 for
 * a line that cannot be read. */
int gw_cli_bowtie(FILE *in, FILE *out);
