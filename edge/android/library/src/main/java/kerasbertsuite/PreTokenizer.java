package kerasbertsuite;

import java.util.List;

/** A step that cuts a normalized text into words. */
interface PreTokenizer {
    /**
     * Cuts a text.
     *
     * @param text a text, which is not empty.
     * @param words where its parts are added.
     */
    void split(AlignedText text, List<AlignedText> words);
}
