//! Where a plain implementation differs from the peer: results of go-cty 1.20 for the same expressions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::eval::functions::FunctionContext;
use crate::eval::scope::Scope;
use crate::eval::testing::{check_errors, check_results};

fn scope() -> Scope {
    let folder = PathBuf::from("/work");
    let cx = FunctionContext {
        root: folder.clone(),
        cwd: folder,
        started: SystemTime::UNIX_EPOCH,
        ..FunctionContext::detached()
    };
    Scope::new(Arc::new(cx))
}

#[test]
fn formats_with_flags() {
    check_results(
        &scope(),
        &[
            (r#"format("%.0s|%.s|%5.1s|%.0q", "abc", "abc", "abc", "abc")"#, r#""abc|abc|    a|\"abc\"""#),
            (r#"format("%8t|%-8t|%.1t", true, false, true)"#, r#""true|false|true""#),
            (r#"format("%.0d|%5.d|%+.0d|%#.0x|%.0d", 0, 0, 0, 0, 7)"#, r#""||||7""#),
            (r#"format("%-05d|%-08.2f|%-08s|%-08v", 42, 1.5, "abc", 2.5)"#, r#""42   |00001.50|abc00000|2.500000""#),
            (r##"format("%#010x|%#o|%#b|%x", 255, 8, 5, -255)"##, r#""0x000000ff|010|0b101|-ff""#),
            (r#"format("%8.5d|%-8.5d|%08.5d|%.5x", 42, 42, 42, 42)"#, r#""   00042|00042   |   00042|0002a""#),
        ],
    );
}

/// The peer's numbers are binary: only what binary fractions hold exactly lies in the middle.
#[test]
fn formats_round_as_binary_numbers_do() {
    check_results(
        &scope(),
        &[
            (r#"format("%.2f %.2f %.2f %.1f", 2.675, 1.005, 10.235, 1.45)"#, r#""2.67 1.00 10.23 1.5""#),
            (r#"format("%.2f %.2f %.0f %.0f", 0.125, 0.375, 2.5, 3.5)"#, r#""0.12 0.38 2 4""#),
            (r#"format("%.2e %.3g %.1f", 2.675, 2.675, -0.25)"#, r#""2.67e+00 2.67 -0.2""#),
            (
                r#"format("%.2f %f %g", 1e-300, 123456789012345678901234567890, 0)"#,
                r#""0.00 123456789012345678901234567890.000000 0""#,
            ),
        ],
    );
}

/// More digits before the point than the peer's numbers have bits for: no peer's result, but no panic either.
#[test]
fn very_long_fractions_are_formatted() {
    let digits = "9".repeat(1000);
    check_results(&scope(), &[(&format!(r#"format("%.1f", "{digits}.5")"#), &format!("\"{digits}.5\""))]);
}

#[test]
fn patterns_are_those_of_re2() {
    check_results(
        &scope(),
        &[
            (r#"regexall("\\w+", "héllo wörld")"#, r#"["h","llo","w","rld"]"#),
            (r#"regexall("\\d", "1٣")"#, r#"["1"]"#),
            (r#"regexall("[\\w.-]+", "a-b.cé d")"#, r#"["a-b.c","d"]"#),
            (r#"regexall("[^\\s]+", "a b\u00a0c")"#, r#"["a","b c"]"#),
            (r#"regexall("\\W+", "aé-b")"#, r#"["é-"]"#),
            (r#"regex_replace("éa b", "\\b", "|")"#, r#""é|a| |b|""#),
            (r#"regex_replace("éa", "\\B", "|")"#, r#""|éa""#),
            (r#"regex("{\"a\"}", "x{\"a\"}")"#, r#""{\"a\"}""#),
            (r#"regex_replace("a{b", "{", "x")"#, r#""axb""#),
            (r#"[regex("a{2}", "aaa"), regex("a{,2}", "a{,2}"), regex("a{2", "a{2")]"#, r#"["aa","a{,2}","a{2"]"#),
            (r#"regex("\\Q{[(\\E+", "{[(((")"#, r#""{[(((""#),
            (r#"regex("\\Qa.b", "axb a.b")"#, r#""a.b""#),
            (r#"regexall("[[a]+", "[a]")"#, r#"["[a"]"#),
            (r#"regexall("[a&&b]+", "a&b~")"#, r#"["a\u0026b"]"#),
            (r#"regexall("[]a]+", "[a]")"#, r#"["a]"]"#),
            (r#"regexall("[+--]+", "+,-.")"#, r#"["+,-"]"#),
            (r#"regexall("[[:alpha:]\\d]+", "a1é-")"#, r#"["a1"]"#),
            (r#"regexall("[\\p{Greek}a]+|\\pN|\\p{Lu}", "αa1Éb")"#, r#"["αa","1","É"]"#),
            (r#"regexall("\\x{4A}|\\x41|\\101|[\\x42-\\x{43}]", "JABC")"#, r#"["J","A","B","C"]"#),
            (r#"regexall("\\<a\\>", "<a> a")"#, r#"["\u003ca\u003e"]"#),
        ],
    );
    check_errors(
        &scope(),
        &[
            (r#"regex("[a", "a")"#, "no regular expression"),
            (r#"regex("(?=a)", "a")"#, "no regular expression"),
            (r#"regex("(a)\\1", "aa")"#, "no regular expression"),
            (r#"regex("a\\", "a")"#, "no regular expression"),
            (r#"regex("[\\b]", "a")"#, "no regular expression"),
        ],
    );
}

#[test]
fn sets_and_texts() {
    check_results(
        &scope(),
        &[
            (r#"setunion(["b", null], ["a"])"#, r#"["a","b",null]"#),
            (r#"setproduct(["b", "a", "b"], setunion(["x"], ["x"]))"#, r#"[["a","x"],["b","x"]]"#),
            (r#"setproduct(["b", "a"], ["x"])"#, r#"[["b","x"],["a","x"]]"#),
            (r#"setproduct([null, "a"], setunion(["x"], ["x"]))"#, r#"[["a","x"],[null,"x"]]"#),
            (r#"[substr("abc", -2, 0), substr("abc", 1, 0), substr("abc", -2, 1)]"#, r#"["bc","","b"]"#),
            (r#"formatdate("''YYYY''''", "2018-01-02T23:12:01Z")"#, r#""'2018''""#),
            (r#"formatdate("'''a'''", "2018-01-02T23:12:01Z")"#, r#""'a'""#),
        ],
    );
    check_errors(&scope(), &[(r#"setproduct(["a"])"#, "at least 2 arguments")]);
}
