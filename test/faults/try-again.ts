/** The exit code of a program that can't start as things are, and is right to say so. */
export const TRY_AGAIN = 75;
