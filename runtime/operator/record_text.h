/* operator/record_text.h - a record as people read it in messages: {user: "ann", amount: 12.5, note: null}, cut when long.
 * */
#ifndef WEIR_OPERATOR_RECORD_TEXT_H
#define WEIR_OPERATOR_RECORD_TEXT_H

#include <weir/data.h>

#include "base/text.h"
#include "data/schema.h"

void weir_text_add_record(struct weir_text *, const weir_batch *, const struct weir_schema *, int64_t row);

#endif
