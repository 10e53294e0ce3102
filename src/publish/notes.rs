//! The notes of a release: a part between two marks is ours, the rest is what people wrote.

const BEGIN: &str = "<!-- forge:images -->";
const END: &str = "<!-- /forge:images -->";
/// GitHub takes so many characters.
const LARGEST: usize = 125_000;

/// The notes with `part` between the marks: where they are, else at the end. Nothing where there is no room for it.
pub(crate) fn notes(old: &str, part: &str) -> Option<String> {
    let own = format!("{BEGIN}\n{}\n{END}", part.trim());
    let found = old.find(BEGIN).and_then(|begin| {
        let end = old[begin..].find(END)? + begin + END.len();
        Some((&old[..begin], &old[end..]))
    });
    let text = match found {
        Some((before, after)) => format!("{before}{own}{after}"),
        None if old.trim().is_empty() => own,
        None => format!("{}\n\n{own}\n", old.trim_end()),
    };
    (text.chars().count() <= LARGEST).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_stays() {
        assert_eq!(notes("", "t").unwrap(), format!("{BEGIN}\nt\n{END}"));
        let first = notes("# News\r\n\r\n- a <!-- x -->\r\n", "one\n").unwrap();
        assert_eq!(first, format!("# News\r\n\r\n- a <!-- x -->\n\n{BEGIN}\none\n{END}\n"));
        let second = notes(&format!("{first}\nbelow"), "two").unwrap();
        assert_eq!(second, format!("# News\r\n\r\n- a <!-- x -->\n\n{BEGIN}\ntwo\n{END}\n\nbelow"));
        assert_eq!(notes(&second, "two").unwrap(), second);
        // A mark whose other half somebody removed is a text like any other.
        let half = notes(&format!("{END} a {BEGIN} b"), "t").unwrap();
        assert!(half.starts_with(&format!("{END} a {BEGIN} b\n\n{BEGIN}\nt\n{END}")), "{half}");
        assert_eq!(notes(&"x".repeat(LARGEST), "t"), None);
    }
}
