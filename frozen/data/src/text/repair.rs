//! ftfy's `fix_text` in its default configuration.

use super::{entities, glyphs, mojibake, unicode};

/// Repairs a text line by line; each until nothing changes any more.
///
/// From the first line on that holds a `<`, the text is taken for HTML and its entities are left alone.
pub fn repair(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut is_html = false;
    for line in text.split_inclusive('\n') {
        is_html |= line.contains('<');
        out.push_str(&segment(line, is_html));
    }
    out
}

/// Whether no rule can apply, as in most captions: ASCII without an ampersand or a control.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\x0c') && byte != b'&')
}

fn segment(text: &str, is_html: bool) -> String {
    let mut text = text.to_owned();
    loop {
        let decoded = if is_html { text.as_str().into() } else { entities::decode_closed(&text) };
        let encoded = mojibake::undo(&decoded);
        let mut fixed = glyphs::without_escapes(&glyphs::plain(&encoded));
        fixed.retain(|c| !glyphs::is_control(c));
        let fixed = unicode::compose(&fixed);
        if fixed == text {
            return text;
        }
        text = fixed.into_owned();
    }
}
