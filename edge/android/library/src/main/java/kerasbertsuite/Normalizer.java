package kerasbertsuite;

/** A step that rewrites a text before it is cut into words. */
interface Normalizer {
    AlignedText apply(AlignedText text);
}
