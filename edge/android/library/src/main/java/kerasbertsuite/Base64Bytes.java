package kerasbertsuite;

import java.util.Arrays;

/** Decodes base 64 (RFC 4648), which Java has only from Android 26 on. */
final class Base64Bytes {
    private static final String DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    private Base64Bytes() {}

    /**
     * The bytes that a text stands for.
     *
     * @throws InputException a character does not belong there.
     */
    static byte[] decode(String text, String what) {
        byte[] values = new byte[128];
        Arrays.fill(values, (byte) -1);
        for (int i = 0; i < DIGITS.length(); i++) {
            values[DIGITS.charAt(i)] = (byte) i;
        }
        int length = text.length();
        while (length > 0 && text.charAt(length - 1) == '=') {
            length--;
        }
        byte[] found = new byte[(int) (length * 6L / 8)];
        int bits = 0;
        for (int i = 0, size = 0, count = 0; i < length; i++) {
            char digit = text.charAt(i);
            if (digit >= 128 || values[digit] < 0) {
                throw new InputException(what + " is no base 64 (character " + i + ").");
            }
            bits = (bits << 6 | values[digit]) & 0xFFFF;
            count += 6;
            if (count >= 8) {
                count -= 8;
                found[size++] = (byte) (bits >> count);
            }
        }
        return found;
    }
}
