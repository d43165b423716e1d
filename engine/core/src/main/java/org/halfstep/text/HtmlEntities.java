package org.halfstep.text;

import java.nio.charset.Charset;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jsoup.nodes.Entities;

/**
 * Undoes HTML's character references as a browser reads them, and as Python's {@code html.unescape}
 * does, which CLIP's tokenizer calls: names of HTML 5, the older ones also without a semicolon or
 * with more letters behind them; numbers, with those of Windows-1252 in place of the C1 controls.
 */
final class HtmlEntities {
  private static final Pattern REFERENCE =
      Pattern.compile("&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\\t\\n\\f <&#;]{1,32};?)");

  private static final Charset WINDOWS = Charset.forName("windows-1252");
  private static final String REPLACEMENT = "\ufffd";
  private static final int MOST_DIGITS = 9;

  private HtmlEntities() {}

  static String unescape(String text) {
    if (text.indexOf('&') < 0) {
      return text;
    }
    return REFERENCE
        .matcher(text)
        .replaceAll(found -> Matcher.quoteReplacement(replacement(found.group(1))));
  }

  private static String replacement(String reference) {
    return reference.charAt(0) == '#' ? number(reference) : name(reference);
  }

  private static String name(String reference) {
    if (reference.endsWith(";")) {
      String name = reference.substring(0, reference.length() - 1);
      if (Entities.isNamedEntity(name)) {
        return Entities.getByName(name);
      }
    }
    for (int length = reference.length(); length > 1; length--) {
      String name = reference.substring(0, length);
      if (Entities.isBaseNamedEntity(name)) {
        return Entities.getByName(name) + reference.substring(length);
      }
    }
    return "&" + reference;
  }

  private static String number(String reference) {
    String digits =
        reference.endsWith(";")
            ? reference.substring(1, reference.length() - 1)
            : reference.substring(1);
    boolean hexadecimal = digits.charAt(0) == 'x' || digits.charAt(0) == 'X';
    digits = (hexadecimal ? digits.substring(1) : digits).replaceFirst("^0+(?=.)", "");
    if (digits.length() > MOST_DIGITS) {
      return REPLACEMENT;
    }
    long code = Long.parseLong(digits, hexadecimal ? 16 : 10);
    if (code == 0 || code > Character.MAX_CODE_POINT || isSurrogate(code)) {
      return REPLACEMENT;
    }
    if (code >= 0x80 && code <= 0x9f) {
      String character = new String(new byte[] {(byte) code}, WINDOWS);
      return character.equals(REPLACEMENT) ? Character.toString((int) code) : character;
    }
    return isNoCharacter((int) code) ? "" : Character.toString((int) code);
  }

  private static boolean isSurrogate(long code) {
    return code >= Character.MIN_SURROGATE && code <= Character.MAX_SURROGATE;
  }

  private static boolean isNoCharacter(int code) {
    return code < '\t'
        || code == 0x0b
        || code >= 0x0e && code < ' '
        || code == 0x7f
        || code >= 0xfdd0 && code <= 0xfdef
        || (code & 0xfffe) == 0xfffe;
  }
}
