package kerasbertsuite;

/** A vocabulary and the rule by which it cuts a word into pieces. */
interface PieceModel {
    /**
     * Cuts a word.
     *
     * @param word the word, which is not empty.
     * @param number its number in the text.
     * @param pieces where its pieces are added.
     */
    void cut(AlignedText word, int number, Pieces pieces);

    /** The id of a piece; null for one that is not in the vocabulary. */
    Integer id(String piece);
}
