package kerasbertsuite;

import java.util.Map;

/** WordPiece: from the left the longest pieces of the vocabulary; a word that has none is one unknown piece. */
final class WordPiece implements PieceModel {
    private final Map<String, Integer> ids;
    private final String unknown;
    private final int unknownId;
    private final String prefix;
    private final int maxCharacters;
    private final int longest;

    /**
     * Makes one.
     *
     * @param ids the vocabulary.
     * @param unknown the piece for what it does not have.
     * @param prefix what pieces inside a word begin with.
     * @param maxCharacters a longer word is unknown.
     * @throws InputException the vocabulary lacks the unknown piece.
     */
    WordPiece(Map<String, Integer> ids, String unknown, String prefix, int maxCharacters) {
        if (!ids.containsKey(unknown)) {
            throw new InputException("A vocabulary of " + ids.size() + " pieces lacks " + unknown + ".");
        }
        this.ids = ids;
        this.unknown = unknown;
        this.unknownId = ids.get(unknown);
        this.prefix = prefix;
        this.maxCharacters = maxCharacters;
        int most = 0;
        for (String piece : ids.keySet()) {
            most = Math.max(most, piece.length());
        }
        longest = most;
    }

    @Override
    public Integer id(String piece) {
        return ids.get(piece);
    }

    @Override
    public void cut(AlignedText word, int number, Pieces pieces) {
        if (word.length() > maxCharacters || !addPieces(word, number, null)) {
            pieces.add(unknownId, unknown, word, 0, word.length(), number);
        } else {
            addPieces(word, number, pieces);
        }
    }

    /** Adds the pieces of a word, to nothing where {@code pieces} is null; whether there are any. */
    private boolean addPieces(AlignedText word, int number, Pieces pieces) {
        for (int start = 0; start < word.length(); ) {
            int end = Math.min(word.length(), start + longest);
            String piece = null;
            Integer id = null;
            for (; end > start; end--) {
                piece = (start > 0 ? prefix : "") + new String(word.characters, start, end - start);
                id = ids.get(piece);
                if (id != null) {
                    break;
                }
            }
            if (id == null) {
                return false;
            }
            if (pieces != null) {
                pieces.add(id, piece, word, start, end, number);
            }
            start = end;
        }
        return true;
    }
}
