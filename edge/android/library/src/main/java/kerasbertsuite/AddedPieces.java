package kerasbertsuite;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Pieces that are found whole in a text, as special ones are, before anything else happens to it. */
final class AddedPieces {
    private static final Unicode UNICODE = Unicode.tables();

    /** One of them. */
    static final class Piece {
        final int id;
        final int[] content;
        /** Whether it takes the spaces before it, and those behind it. */
        final boolean takesLeft;

        final boolean takesRight;

        Piece(int id, int[] content, boolean takesLeft, boolean takesRight) {
            this.id = id;
            this.content = content;
            this.takesLeft = takesLeft;
            this.takesRight = takesRight;
        }
    }

    /** A part of a text: one of the pieces, or what is between them. */
    static final class Part {
        static final int NO_PIECE = -1;

        final AlignedText text;
        /** The id of the piece, or {@code NO_PIECE}. */
        final int id;

        Part(AlignedText text, int id) {
            this.text = text;
            this.id = id;
        }
    }

    private final Map<Integer, List<Piece>> byFirst = new HashMap<>();

    AddedPieces(List<Piece> pieces) {
        for (Piece piece : pieces) {
            if (piece.content.length == 0) {
                continue;
            }
            List<Piece> same = byFirst.get(piece.content[0]);
            if (same == null) {
                same = new ArrayList<>();
                byFirst.put(piece.content[0], same);
            }
            same.add(piece);
        }
    }

    /** The parts of a text in order, none of them empty; of pieces that begin at the same place the longest. */
    List<Part> split(AlignedText text) {
        List<Part> parts = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < text.length(); i++) {
            Piece piece = at(text.characters, i);
            if (piece == null) {
                continue;
            }
            int first = i;
            int end = i + piece.content.length;
            i = end - 1;
            while (piece.takesLeft && first > start && UNICODE.regexSpaces.contains(text.characters[first - 1])) {
                first--;
            }
            while (piece.takesRight && end < text.length() && UNICODE.regexSpaces.contains(text.characters[end])) {
                end++;
            }
            add(parts, text, start, first, Part.NO_PIECE);
            add(parts, text, first, end, piece.id);
            start = end;
        }
        add(parts, text, start, text.length(), Part.NO_PIECE);
        return parts;
    }

    private static void add(List<Part> parts, AlignedText text, int start, int end, int id) {
        if (start < end) {
            parts.add(new Part(text.slice(start, end), id));
        }
    }

    private Piece at(int[] characters, int place) {
        Piece longest = null;
        List<Piece> same = byFirst.get(characters[place]);
        if (same == null) {
            return null;
        }
        for (Piece piece : same) {
            boolean isLonger = longest == null || piece.content.length > longest.content.length;
            if (isLonger && CodePoints.startsWith(characters, place, piece.content)) {
                longest = piece;
            }
        }
        return longest;
    }
}
