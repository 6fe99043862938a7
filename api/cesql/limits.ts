/** Characters of an expression. */
export const MAX_EXPRESSION = 4_096;
/** How deep an expression nests; a chain such as `a OR b OR c` nests once per operator. */
export const MAX_DEPTH = 250;
/** Characters of a text that a function may make. */
export const MAX_TEXT = 65_536;
/** Work of one evaluation: an operator costs one step, and one for each character that it has to look at. */
export const MAX_STEPS = 1_000_000;
