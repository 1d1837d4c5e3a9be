/* data/unread.h - columns that nobody looks at any more: they stay in their place, but what was in them does not travel.
 *
 * Floor 2. Any thread. Such a column reads as zeros and empty texts without a null, in memory that is never freed, for up to
 * WEIR_UNREAD_ROWS rows.
 */
#ifndef WEIR_DATA_UNREAD_H
#define WEIR_DATA_UNREAD_H

#include "data/rows.h"

#define WEIR_UNREAD_ROWS WEIR_BATCH_ROWS

weir_column weir_column_unread(weir_type);
bool weir_column_is_unread(const weir_column *);

#endif
