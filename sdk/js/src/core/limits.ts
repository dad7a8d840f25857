/** Limits of one event, shared by Node and the browser; what is past them is cut, never refused. */

/** Attributes of one event; further ones are left out. */
export const MAX_ATTRIBUTES = 64;

/** Levels of nesting below an attribute; deeper values become a short text. */
export const MAX_DEPTH = 4;

/** UTF-16 units of one text; it is cut and ends in an ellipsis. A text longer than this is never searched whole. */
export const MAX_VALUE_LENGTH = 8 * 1024;

/** UTF-16 units of all texts and names of one event; values after that are left out. */
export const MAX_EVENT_LENGTH = 32 * 1024;

/** Elements of one array that are kept. */
export const MAX_ARRAY_LENGTH = 64;

/** UTF-16 units of a tag or of an attribute's name. */
export const MAX_NAME_LENGTH = 256;
