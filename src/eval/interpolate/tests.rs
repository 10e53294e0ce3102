//! The engine of `{{ }}` against what Go's text/template does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use super::*;

/// 2024-03-05 07:08:09 UTC, a Tuesday.
const STARTED: u64 = 1_709_622_489;

pub(super) fn engine() -> Interpolation {
    Interpolation {
        build_name: Some("web".to_owned()),
        build_type: Some("docker".to_owned()),
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(STARTED),
        cwd: PathBuf::from("/work"),
        version: "1.11.2".to_owned(),
        frozen: false,
        legacy: None,
    }
}

fn text(text: &str) -> Data {
    Data::Text(text.to_owned())
}

fn sample() -> Data {
    Data::Map(BTreeMap::from([
        ("Path".to_owned(), text("/tmp/script.sh")),
        ("Vars".to_owned(), text("A='1' B='2' ")),
        ("Empty".to_owned(), text("")),
        ("Number".to_owned(), Data::Number(7)),
        ("Yes".to_owned(), Data::Bool(true)),
        ("List".to_owned(), Data::List(vec![text("a"), text("b"), text("c")])),
        ("None".to_owned(), Data::List(Vec::new())),
        ("Tags".to_owned(), data([("Name", "base"), ("Owner", "me & you")])),
    ]))
}

fn render(template: &str) -> Result<String, InterpolateError> {
    engine().render(template, &sample())
}

#[track_caller]
fn same(cases: &[(&str, &str)]) {
    for (template, expected) in cases {
        match render(template) {
            Ok(text) => assert_eq!(text, *expected, "{template}"),
            Err(error) => panic!("{template}: {error} at {}", error.offset),
        }
        assert_eq!(engine().check(template), Ok(()), "{template}");
    }
}

/// Part of the message, and what the error points at.
#[track_caller]
fn fails(cases: &[(&str, &str, &str)]) {
    for (template, message, place) in cases {
        let error = render(template).expect_err(template);
        assert!(error.message.contains(message), "{template}: {error}");
        let pointed = template.get(error.offset..).unwrap_or_else(|| panic!("{template}: {}", error.offset));
        assert!(pointed.starts_with(place), "{template}: {error} at {pointed:?}");
    }
}

#[test]
fn text_fields_and_trim_markers() {
    same(&[
        ("plain }} text", "plain }} text"),
        ("{{ .Path }}", "/tmp/script.sh"),
        ("chmod +x {{.Path}}; {{.Vars}} {{.Path}}", "chmod +x /tmp/script.sh; A='1' B='2'  /tmp/script.sh"),
        ("{{.Tags.Name}}-{{$.Tags.Owner}}", "base-me & you"),
        ("{{.Number}} {{.Yes}} {{.List}} {{.Tags}}", "7 true [a b c] map[Name:base Owner:me & you]"),
        ("a  {{- .Number -}} \n\t b", "a7b"),
        ("a {{-7}} b", "a -7 b"),
        ("a{{/* a }} comment */}}b {{- /* c */ -}} c", "abc"),
        ("{{\n  .Number\n}}", "7"),
        ("x{{`{{`}}y{{ \"}}\" }}z", "x{{y}}z"),
        ("{{`{{ .Names }}`}}", "{{ .Names }}"),
    ]);
}

#[test]
fn literals() {
    same(&[
        (r#"{{"a\tb\"\\\x41\101\u00e9\U0001F600"}}"#, "a\tb\"\\AAé😀"),
        (r#"{{"\xc3\xa9"}}"#, "é"),
        ("{{`a\\n\r`}}", "a\\n"),
        ("{{'a'}} {{'\\n'}} {{'é'}} {{'\\''}}", "97 10 233 39"),
        ("{{1_000}} {{0x1F}} {{0b101}} {{0o17}} {{017}} {{+3}} {{-3}}", "1000 31 5 15 15 3 -3"),
        ("{{1.5}} {{1e3}} {{1e21}} {{.5}} {{-0.000001}} {{123456789.0}}", "1.5 1000 1e+21 0.5 -1e-06 1.23456789e+08"),
        ("{{true}} {{false}}", "true false"),
    ]);
}

#[test]
fn blocks_and_variables() {
    same(&[
        ("{{if .Yes}}a{{else}}b{{end}}{{if .Empty}}c{{else}}d{{end}}", "ad"),
        ("{{if .Empty}}1{{else if .None}}2{{else if eq .Number 7}}3{{else}}4{{end}}", "3"),
        ("{{if .Missing}}a{{else}}b{{end}}{{if and .Yes .Tags.Missing}}c{{end}}{{if not .Missing}}d{{end}}", "bd"),
        ("{{with .Tags}}{{.Name}} {{$.Number}}{{end}}", "base 7"),
        ("{{with .Missing}}a{{else with .Empty}}b{{else}}{{.Number}}{{end}}", "7"),
        ("{{with $x := .Path}}{{$x}}{{.}}{{end}}", "/tmp/script.sh/tmp/script.sh"),
        ("{{range .List}}<{{.}}>{{end}}", "<a><b><c>"),
        ("{{range $i, $v := .List}}{{if $i}}, {{end}}{{$i}}={{$v}}{{end}}", "0=a, 1=b, 2=c"),
        ("{{range $k, $v := .Tags}}{{$k}}={{$v}};{{end}}", "Name=base;Owner=me & you;"),
        ("{{range .None}}x{{else}}none{{end}}", "none"),
        ("{{range 3}}{{.}}{{end}}{{range $i := 2}}{{$i}}{{end}}", "01201"),
        ("{{range .List}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac"),
        ("{{range .List}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}}", "2"),
        ("{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "21"),
        ("{{$t := .Tags}}{{$t.Name}}", "base"),
        ("{{($x := .Number) | printf \"%03d\"}}{{$x}}", "0077"),
    ]);
}

#[test]
fn pipelines_and_go_functions() {
    same(&[
        ("{{.Path | printf \"%s-%d\" \"a\" | upper}}", "A-%!D(STRING=/TMP/SCRIPT.SH)"),
        ("{{printf \"%s\" (printf \"%d\" 3 | printf \"%s%s\" \"x\")}}", "x3"),
        ("{{(index .List 1)}} {{index .Tags \"Name\"}} [{{index .Tags \"none\"}}] {{index \"abc\" 1}}", "b base [] 98"),
        ("{{len .List}} {{len \"é\"}} {{len .Tags}}", "3 2 2"),
        ("{{slice \"abcdef\" 1 3}} {{slice .List 1}} {{slice .List 0 1 2}}", "bc [b c] [a]"),
        ("{{and 1 0 2}} {{and 1 2}} {{or 0 \"x\" 2}} {{or 0 \"\"}}| {{not 0}}", "0 2 x | true"),
        ("{{or true (index .List 99)}} {{1 | and 0}}", "true 0"),
        (
            "{{eq 1 1}} {{eq \"a\" \"b\" \"a\"}} {{ne 1 2}} {{lt 1 2}} {{le \"a\" \"a\"}} {{gt 1.5 2.5}} {{ge 2 3}}",
            "true true true true true false false",
        ),
        ("{{eq nil nil}} {{eq .Number nil}}", "true false"),
        ("{{print 1 2 \"a\" \"b\" 3}} {{println 1 \"a\"}}", "1 2a b3 1 a\n".replace("a b3", "ab3").as_str()),
        ("{{html \"<a href='x'>&\\\"\"}}", "&lt;a href=&#39;x&#39;&gt;&amp;&#34;"),
        ("{{js \"it's <b>=\\n\"}}", "it\\'s \\u003Cb\\u003E\\u003D\\u000A"),
        ("{{urlquery \"a b&c=é~\"}}", "a+b%26c%3D%C3%A9~"),
    ]);
}

#[test]
fn printf_verbs() {
    same(&[
        (
            "{{printf \"%5d|%-5d|%05d|%+d|%x|%X|%#x|%o|%b|%c|%q|%U\" 42 42 42 42 255 255 255 8 5 65 65 65}}",
            "   42|42   |00042|+42|ff|FF|0xff|10|101|A|'A'|U+0041",
        ),
        (
            "{{printf \"%s|%8s|%-8s|%.2s|%q|%x|%v\" \"abc\" \"abc\" \"abc\" \"abc\" \"a\\nb\" \"hi\" \"v\"}}",
            "abc|     abc|abc     |ab|\"a\\nb\"|6869|v",
        ),
        (
            "{{printf \"%f|%.2f|%8.3f|%e|%g|%t|%%|%T %T\" 1.5 1.005 3.14159 1234.5 0.00001 true 1 \"a\"}}",
            "1.500000|1.00|   3.142|1.234500e+03|1e-05|true|%|int string",
        ),
        (
            "{{printf \"%d %s\" \"a\" 1}} {{printf \"%d\"}} {{printf \"a\" 1 \"b\"}} {{printf \"%\"}}",
            "%!d(string=a) %!s(int=1) %!d(MISSING) a%!(EXTRA int=1, string=b) %!(NOVERB)",
        ),
        (
            "{{printf \"%[2]s %[1]s\" \"a\" \"b\"}} {{printf \"%*d\" 5 1}} {{printf \"%v %s\" .List .List}} {{printf \"%v\" nil}}",
            "b a     1 [a b c] [a b c] <nil>",
        ),
    ]);
}

#[test]
fn engine_functions() {
    same(&[
        ("ami-{{timestamp}}", "ami-1709622489"),
        ("{{isotime}}", "2024-03-05T07:08:09Z"),
        ("{{isotime \"2006-01-02 15:04\"}} {{isotime \"Jan _2\" | lower}}", "2024-03-05 07:08 mar  5"),
        ("{{strftime \"%Y%m%d-%H%M\"}}", "20240305-0708"),
        ("{{build_name}}/{{build_type}} {{packer_version}} {{pwd}}", "web/docker 1.11.2 /work"),
        ("{{upper \"aßé\"}} {{\"ABC\" | lower}}", "AßÉ abc"),
        (
            "{{replace \"a\" \"b\" 1 \"aaa\"}} {{\"aaa\" | replace_all \"a\" \"bc\"}} {{replace \"\" \"-\" -1 \"ab\"}}",
            "baa bcbcbc -a-b-",
        ),
        ("{{split \"a-b-c\" \"-\" 1}} {{split \"abc\" \"\" 2}}", "b c"),
        ("{{clean_resource_name \"a:b é!(1)[2] ./-'@_\"}}", "a-b ---(1)[2] ./-'@_"),
        ("{{isotime | clean_resource_name}}", "2024-03-05T07-08-09Z"),
        ("{{build \"Path\"}}", "/tmp/script.sh"),
    ]);
    let (first, second) = (render("{{uuid}}").unwrap(), render("{{uuid}}").unwrap());
    assert_eq!(first.len(), 36);
    assert_ne!(first, second);
}

#[test]
fn mistakes_name_the_thing_and_its_place() {
    fails(&[
        ("a {{ foo }}", "function \"foo\" not defined", "foo"),
        ("a {{ .Names }}", "there is no field \".Names\"", ".Names"),
        ("{{ .Tags.None }}", "there is no field \".None\"", ".None"),
        ("{{ .Path.X }}", "a text has no field \"X\"", ".X"),
        ("{{ env \"HOME\" }}", "function \"env\" is not available", "env"),
        ("{{ .Path | sed \"x\" }}", "function \"sed\" is not available", "sed"),
        ("{{ build \"ID\" }}", "is not known here", "build"),
        ("{{ $x }}", "undefined variable \"$x\"", "$x"),
        ("{{ $x = 1 }}", "undefined variable \"$x\"", "$x"),
        ("{{if .Yes}}{{$a := 1}}{{end}}{{$a}}", "undefined variable \"$a\"", "$a"),
        ("{{ replace \"a\" }}", "takes 4 arguments, not 1", "replace"),
        ("{{ upper 1 }}", "argument 1 of \"upper\" must be a text, not a whole number", "upper"),
        ("{{ split \"a\" \"-\" 1 }}", "has no piece 1", "split"),
        ("{{ .Path \"x\" }}", "is not a function", ".Path"),
        ("{{ 1 | 2 }}", "is not a function", "2"),
        ("{{ .Path | }}", "nothing follows", "}}"),
        ("{{ }}", "a value is missing", "}}"),
        ("{{ nil }}", "nil alone", "nil"),
        ("{{ .Path", "\"{{\" is not closed", "{{ .Path"),
        ("{{/* x", "the comment is not closed", "{{/*"),
        ("{{/* x */ 1}}", "may follow a comment", " 1}}"),
        ("{{ \"x }}", "the quoted string is not closed", "\"x"),
        ("{{ `x }}", "the raw string is not closed", "`x"),
        ("{{ \"\\q\" }}", "is not an escape", "\"\\q\""),
        ("{{ (1 }}", "\"(\" is not closed", "(1"),
        ("{{ 1) }}", "\")\" closes nothing", ")"),
        ("{{ 12ab }}", "\"12ab\" is not a number", "12ab"),
        ("{{ 99999999999999999999 }}", "too large", "9999"),
        ("{{ a % b }}", "unexpected '%'", "%"),
        ("{{ if .Yes }}x", "\"if\" is not closed", "if"),
        ("{{ end }}", "\"end\" belongs to no block", "end"),
        ("{{ break }}", "outside of a \"range\"", "break"),
        ("{{ define \"x\" }}{{ end }}", "\"define\" is not available", "define"),
        ("{{ call .Path }}", "function \"call\" is not available", "call"),
        ("{{ range .Path }}{{ end }}", "range cannot go over a text", ".Path"),
        ("{{ index .List 3 }}", "index 3 is out of range of 3", "index"),
        ("{{ slice \"é\" 1 }}", "cuts a character in two", "slice"),
        ("{{ eq 1 \"1\" }}", "a whole number cannot be compared with a text", "eq"),
        ("{{ strftime \"%Q\" }}", "\"%Q\" is not a directive", "strftime"),
    ]);
}

#[test]
fn help_says_what_to_write() {
    let help = |template: &str| render(template).expect_err(template).help.unwrap_or_default();
    assert_eq!(
        help("docker ps --format {{.Names}}"),
        "known here: .Empty, .List, .None, .Number, .Path, .Tags, .Vars, .Yes; to keep it as text, write {{`{{.Names}}`}}"
    );
    assert_eq!(help("{{ tojson . }}"), "to keep it as text, write {{`{{ tojson . }}`}}");
    assert!(help("{{ timestap }}").starts_with("the nearest name is \"timestamp\"; to keep it"));
    assert!(help("{{ env `X` }}").contains("default = env(\"NAME\")"));
    assert!(help("{{ env `X` }}").ends_with("write {{ \"{{\" }} in place of {{"));
    assert!(help("{{ build \"ID\" }}").contains("${build.ID}"));
    let escaped = render("{{`{{.Names}}`}}").unwrap();
    assert_eq!(escaped, "{{.Names}}");
}

#[test]
fn check_knows_names_but_not_fields() {
    assert_eq!(engine().check("{{ .Anything.At.All }} {{ build \"ID\" }}"), Ok(()));
    for template in ["{{ foo }}", "{{ upper }}", "{{ env \"X\" }}", "{{ if .X }}", "{{ $x }}"] {
        assert!(engine().check(template).is_err(), "{template}");
    }
}

#[test]
fn growth_is_bounded() {
    let deep = "{{if 1}}".repeat(65) + &"{{end}}".repeat(65);
    let parens = format!("{{{{{}1{}}}}}", "(".repeat(65), ")".repeat(65));
    let doubling = format!("{{{{$x := \"0123456789\"}}}}{}{{{{$x}}}}", "{{$x = print $x $x}}".repeat(40));
    let started = Instant::now();
    for (template, message) in [
        (deep.as_str(), "nested deeper than 64 levels"),
        (&parens, "nested deeper than 64 levels"),
        (&doubling, "too much work"),
        ("{{range 99999999999}}{{end}}", "rounds of range"),
        ("{{range 1000}}{{range 1000}}{{end}}{{end}}", "rounds of range"),
        ("{{range 100000}}{{printf \"%1000d\" 1}}{{end}}", "longer than 16777216 bytes"),
        ("{{$x := printf \"%1000000d\" 1}}{{replace_all \" \" $x $x}}", "too long"),
        ("{{$x := printf \"%1000000d\" 1}}{{range 1000}}{{if eq $x \"\"}}{{end}}{{end}}", "too much work"),
    ] {
        let error = render(template).expect_err(message);
        assert!(error.message.contains(message), "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

/// Pseudo-random strings of tokens: no panic, a place inside the text, and an end.
#[test]
fn any_input_ends_in_a_text_or_an_error() {
    const TOKENS: [&str; 64] = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        "\n",
        "{{ ",
        " }}",
        "/*",
        "*/",
        "|",
        ",",
        ":=",
        "=",
        "(",
        ")",
        ".",
        "$",
        "$x",
        "$i",
        "\"",
        "'",
        "`",
        "\\",
        "\"a\"",
        "`b`",
        "'c'",
        "1",
        "-2",
        "3.5",
        "1e9",
        "0x",
        "true",
        "nil",
        "if",
        "else",
        "end",
        "range",
        "with",
        "break",
        "continue",
        "define",
        ".Path",
        ".List",
        ".Tags",
        ".Name",
        ".Missing",
        "and",
        "or",
        "not",
        "index",
        "slice",
        "printf",
        "\"%*[2]d %q\"",
        "eq",
        "lt",
        "upper",
        "split",
        "replace",
        "isotime",
        "foo",
        "é",
        "😀",
        "{{end}}",
    ];
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let started = Instant::now();
    let mut rendered = 0;
    for _ in 0..20_000 {
        let mut template = String::new();
        for _ in 0..=random(24) {
            template.push_str(TOKENS[random(TOKENS.len())]);
        }
        let checked = engine().check(&template);
        match render(&template) {
            Ok(_) => rendered += 1,
            Err(error) => assert!(template.get(error.offset..).is_some(), "{template}: {error}"),
        }
        if checked.is_err() {
            assert!(render(&template).is_err(), "{template}");
        }
    }
    assert!(rendered > 500, "{rendered}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}
