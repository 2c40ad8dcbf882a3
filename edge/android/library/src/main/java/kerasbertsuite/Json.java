package kerasbertsuite;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON (RFC 8259): an object becomes a {@link JsonObject}, an array a {@code List}, a number a {@code Long} or a
 * {@code Double}, and a text, a truth value and null what Java has.
 */
final class Json {
    private static final int DEPTH = 200;

    private final String text;
    private final String what;
    private int at;

    private Json(String text, String what) {
        this.text = text;
        this.what = what;
    }

    /**
     * The object that a text holds.
     *
     * @param text the JSON.
     * @param what what messages call it.
     * @throws InputException it is no JSON, or no object.
     */
    static JsonObject object(String text, String what) {
        Json reader = new Json(text, what);
        Object value = reader.value(0);
        reader.space();
        if (reader.at != text.length()) {
            throw reader.wrong();
        }
        if (!(value instanceof JsonObject)) {
            throw new InputException(what + " holds JSON that is no object; expected an object.");
        }
        return (JsonObject) value;
    }

    private Object value(int depth) {
        space();
        if (depth > DEPTH) {
            throw wrong();
        }
        switch (peek()) {
            case '{':
                return members(depth);
            case '[':
                return elements(depth);
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return number();
        }
    }

    private JsonObject members(int depth) {
        Map<String, Object> members = new LinkedHashMap<>();
        at++;
        if (isNext('}')) {
            return new JsonObject(members, what);
        }
        do {
            space();
            if (peek() != '"') {
                throw wrong();
            }
            String name = string();
            expect(':');
            members.put(name, value(depth + 1));
        } while (isNext(','));
        expect('}');
        return new JsonObject(members, what);
    }

    private List<Object> elements(int depth) {
        List<Object> elements = new ArrayList<>();
        at++;
        if (isNext(']')) {
            return elements;
        }
        do {
            elements.add(value(depth + 1));
        } while (isNext(','));
        expect(']');
        return elements;
    }

    private String string() {
        int start = ++at;
        while (peek() != '"' && peek() != '\\') {
            at++;
        }
        if (peek() == '"') {
            return text.substring(start, at++);
        }
        StringBuilder found = new StringBuilder(text.substring(start, at));
        while (peek() != '"') {
            char next = text.charAt(at++);
            found.append(next == '\\' ? escaped() : next);
        }
        at++;
        return found.toString();
    }

    private char escaped() {
        char kind = peek();
        at++;
        switch (kind) {
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                return hexadecimal();
            case '"':
            case '\\':
            case '/':
                return kind;
            default:
                throw wrong();
        }
    }

    private char hexadecimal() {
        int value = 0;
        for (int i = 0; i < 4; i++, at++) {
            int digit = Character.digit(peek(), 16);
            if (digit < 0) {
                throw wrong();
            }
            value = value * 16 + digit;
        }
        return (char) value;
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw wrong();
        }
        at += word.length();
        return value;
    }

    private Number number() {
        int start = at;
        boolean whole = true;
        while (at < text.length() && "+-.0123456789eE".indexOf(text.charAt(at)) >= 0) {
            whole &= ".eE".indexOf(text.charAt(at++)) < 0;
        }
        String found = text.substring(start, at);
        try {
            return whole ? (Number) Long.valueOf(found) : (Number) Double.valueOf(found);
        } catch (NumberFormatException error) {
            at = start;
            throw wrong();
        }
    }

    private boolean isNext(char wanted) {
        space();
        if (peek() != wanted) {
            return false;
        }
        at++;
        return true;
    }

    private void expect(char wanted) {
        if (!isNext(wanted)) {
            throw wrong();
        }
    }

    private char peek() {
        if (at >= text.length()) {
            throw new InputException(what + " is no whole JSON: it is cut off at character " + at + ".");
        }
        return text.charAt(at);
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private InputException wrong() {
        return new InputException(what + " is no JSON: character " + at + " does not belong there.");
    }
}
