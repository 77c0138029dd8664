//! The page's own parts, which are computed and stand between markers.

use crate::table;

/// The page, below the plugin's folder.
pub(crate) const PAGE: &str = "evidence.md";

/// Its picture.
pub(crate) const PICTURE: &str = "pictures/evidence.svg";

/// The page with everything in it that is computed.
pub(crate) fn filled(text: &str) -> String {
    let text = between(text, "sight", &table::sight());
    between(&text, "promotion", &table::promotion())
}

fn between(text: &str, name: &str, content: &str) -> String {
    let (begin, end) = (
        format!("<!-- {name}:begin -->"),
        format!("<!-- {name}:end -->"),
    );
    let parts = text
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let Some((before, after)) = parts else {
        return format!("{text}\n{begin}\n{content}{end}\n");
    };
    format!("{before}{begin}\n{content}{end}{after}")
}
