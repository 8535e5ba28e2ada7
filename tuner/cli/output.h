/* output.h - what reaches standard output: documents as JSON, and texts that are checked to have arrived. */
#ifndef TRIMTAB_TUNER_CLI_OUTPUT_H
#define TRIMTAB_TUNER_CLI_OUTPUT_H

#include "base/core/buf.h"
#include "base/json/json.h"

/* The document on one line.  canonical: members sorted and without what differs between two runs of the same campaign
 * by nature: the times created_ms, updated_ms, started_ms, finished_ms and at_ms, the uuid, and results_digest, which
 * covers both. */
MUST_CHECK enum status output_document(struct buf *to, const struct json_at *at, bool canonical, struct err *err);
/* Write it to standard output and flush; STATUS_IO when it does not arrive (disk full, reader gone). */
MUST_CHECK enum status output_flush(const struct buf *text, struct err *err);
/* The same for a document. */
MUST_CHECK enum status output_json(const struct json_at *at, bool canonical, struct err *err);
/* "trimtab: line" on standard error; returns the exit code for a failed request. */
int output_failed(const struct err *err);
/* The same with the exit code for wrong usage. */
int output_usage(const struct err *err);

#endif
