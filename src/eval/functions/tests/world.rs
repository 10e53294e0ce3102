//! Addresses, times, files and formats.

use super::{errors, results, scope_in};
use crate::eval::testing::{check_errors, check_results};

#[test]
fn addresses() {
    results(&[
        (r#"[cidrhost("10.12.127.0/20", 16), cidrhost("10.12.127.0/20", -1)]"#, r#"["10.12.112.16","10.12.127.255"]"#),
        (r#"cidrhost("fd00:fd12:3456:7890:00a2::/72", 34)"#, r#""fd00:fd12:3456:7890::22""#),
        (r#"cidrhost("10.0.0.1/32", 0)"#, r#""10.0.0.1""#),
        (r#"cidrnetmask("172.16.0.0/12")"#, r#""255.240.0.0""#),
        (r#"cidrsubnet("172.16.0.0/12", 4, 2)"#, r#""172.18.0.0/16""#),
        (r#"cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)"#, r#""fd00:fd12:3456:7800:a200::/72""#),
        (r#"cidrsubnet("::/0", 128, 5)"#, r#""::5/128""#),
        (
            r#"cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)"#,
            r#"["10.1.0.0/20","10.1.16.0/20","10.1.32.0/24","10.1.48.0/20"]"#,
        ),
        (r#"cidrsubnets("10.1.0.0/16", 8, 4, 8)"#, r#"["10.1.0.0/24","10.1.16.0/20","10.1.32.0/24"]"#),
        (r#"cidrsubnets("10.1.0.0/16")"#, "[]"),
    ]);
    errors(&[
        (r#"cidrhost("10.12.127.0/24", 256)"#, "no host with this number"),
        (r#"cidrhost("10.12.127.0/24", -257)"#, "no host with this number"),
        (r#"cidrhost("10.0.0.0/33", 1)"#, "no address range"),
        (r#"cidrhost("10.0.0.0/+8", 1)"#, "no address range"),
        (r#"cidrhost("10.0.0.0", 1)"#, "no address range"),
        (r#"cidrnetmask("fd00::/8")"#, "only IPv4"),
        (r#"cidrsubnet("10.0.0.0/30", 4, 2)"#, "cannot be extended"),
        (r#"cidrsubnet("10.0.0.0/24", 4, 16)"#, "no range with this number"),
        (r#"cidrsubnets("10.1.0.0/31", 1, 1, 1)"#, "no room"),
        (r#"cidrsubnets("255.255.255.254/31", 1, 1, 1)"#, "no room"),
    ]);
}

#[test]
fn times() {
    let all = "YYYY YY MMMM MMM MM M DD D EEEE EEE hh h HH H AA aa mm m ss s ZZZZZ ZZZZ ZZZ Z";
    results(&[
        (
            &format!(r#"formatdate("{all}", "2018-01-02T23:12:01Z")"#),
            r#""2018 18 January Jan 01 1 02 2 Tuesday Tue 23 23 11 11 PM pm 12 12 01 1 +00:00 +0000 UTC Z""#,
        ),
        (
            &format!(r#"formatdate("{all}", "2018-01-02T03:12:01-08:30")"#),
            r#""2018 18 January Jan 01 1 02 2 Tuesday Tue 03 3 03 3 AM am 12 12 01 1 -08:30 -0830 -0830 -08:30""#,
        ),
        (r#"formatdate("'it''s' YYYY-MM-DD'T'hh", "2018-01-02T03:12:01Z")"#, r#""it's 2018-01-02T03""#),
        (r#"formatdate("H HH AA", "2018-01-02T00:12:01Z")"#, r#""12 12 AM""#),
        (r#"timeadd("2017-11-22T00:00:00Z", "10m")"#, r#""2017-11-22T00:10:00Z""#),
        (r#"timeadd("2017-11-22T00:00:00-08:00", "-1h30m")"#, r#""2017-11-21T22:30:00-08:00""#),
        (r#"timeadd("2017-11-22T00:00:00.5Z", "1500ms")"#, r#""2017-11-22T00:00:02Z""#),
        ("legacy_isotime()", r#""2024-03-05T17:08:09Z""#),
        (r#"legacy_isotime("Mon Jan _2 15:04")"#, r#""Tue Mar  5 17:08""#),
        (r#"legacy_strftime("%Y%m%d %%")"#, r#""20240305 %""#),
        ("[length(timestamp()), can(formatdate(\"YYYY\", timestamp()))]", "[20,true]"),
        (
            r#"rfc3339_parse("2024-03-01 01:00:00+02:00")"#,
            r#"{"day":1,"hour":1,"iso_week":9,"iso_year":2024,"minute":0,"month":3,"month_name":"March","second":0,"unix":1709247600,"weekday":5,"weekday_name":"Friday","year":2024,"year_day":61}"#,
        ),
        ("unix_timestamp_parse(1709658489).rfc3339", r#""2024-03-05T17:08:09Z""#),
        (r#"contains(keys(unix_timestamp_parse(0)), "unix")"#, "false"),
    ]);
    errors(&[
        (r#"formatdate("YYY", "2018-01-02T03:12:01Z")"#, "no part of a date"),
        (r#"formatdate("D'x", "2018-01-02T03:12:01Z")"#, "never closed"),
        (r#"formatdate("x", "2018-01-02T03:12:01Z")"#, "no part of a date"),
        (r#"formatdate("hh", "2018-01-02 03:12:01Z")"#, "no T"),
        (r#"formatdate("hh", "2018-13-02T03:12:01Z")"#, "RFC 3339"),
        (r#"formatdate("hh", "2018-02-30T03:12:01Z")"#, "RFC 3339"),
        (r#"timeadd("2017-11-22", "1h")"#, "no T"),
        (r#"timeadd("2017-11-22T00:00:00Z", "1x")"#, "not a duration"),
        ("unix_timestamp_parse(1.5)", "whole number"),
        ("unix_timestamp_parse(1e30)", ""),
        (r#"legacy_strftime("%Q")"#, "not a directive"),
    ]);
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("root/a.txt", &b"text"[..]),
        ("root/sub/b.txt", b"b"),
        ("root/sub/c.html", b"c"),
        ("root/t.tpl", b"%{ for n in names ~}\n- ${upper(n)}\n%{ endfor ~}"),
        ("raw", b"\xff\x00"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let scope = scope_in(folder.path());
    check_results(
        &scope,
        &[
            (r#"file("a.txt")"#, r#""text""#),
            (r#"filebase64("raw")"#, r#""/wA=""#),
            (r#"[fileexists("a.txt"), fileexists("nope"), fileexists("a.txt/x")]"#, "[true,false,false]"),
            (r#"fileset(".", "**")"#, r#"["a.txt","sub/b.txt","sub/c.html","t.tpl"]"#),
            (r#"fileset("sub", "*.{html,css}")"#, r#"["c.html"]"#),
            (r#"fileset(".", "*")"#, r#"["a.txt","t.tpl"]"#),
            (r#"fileset("nope", "*")"#, "[]"),
            (r#"templatefile("t.tpl", { names = ["x", "y"] })"#, r#""- X\n- Y\n""#),
        ],
    );
    check_errors(
        &scope,
        &[
            (r#"file("nope")"#, "nope cannot be read"),
            (r#"file("sub")"#, "is a folder"),
            (r#"file("../raw")"#, "not UTF-8"),
            (r#"fileexists("sub")"#, "is a folder"),
            (r#"fileset(".", "[")"#, ""),
            (r#"filebase64("a.txt")"#, "cannot be read"),
            (r#"templatefile("t.tpl", {})"#, "names"),
        ],
    );
    results(&[
        (r#"[basename("a/b/"), basename("/"), basename("")]"#, r#"["b","/","."]"#),
        (r#"[dirname("a/b/"), dirname("a"), dirname("/a/../b//c"), dirname("/")]"#, r#"["a/b",".","/b","/"]"#),
        (r#"[abspath("a/../b"), abspath(""), abspath("/x/.")]"#, r#"["/work/b","/work","/x"]"#),
        (r#"pathexpand("x")"#, r#""x""#),
    ]);
    errors(&[(r#"pathexpand("~bob/x")"#, "own home")]);
}

#[test]
fn formats() {
    results(&[
        (r#"format("%v %v", 1000000, 100000)"#, r#""1e+06 100000""#),
        (r#"format("%v %v %v %v", 1.5, true, null, 0.1)"#, r#""1.5 true null 0.1""#),
        (r#"format("%v", [1, "a", null, { b = 1e21 }])"#, r#""[1,\"a\",null,{\"b\":1000000000000000000000}]""#),
        (r##"format("%#v", "a\"b<")"##, r#""\"a\\\"b\\u003c\"""#),
        (r#"format("%s %s %s %s", "x", 1.5, true, 1e21)"#, r#""x 1.5 true 1000000000000000000000""#),
        (r#"format("%q", "a\"b<\n")"#, r#""\"a\\\"b\\u003c\\n\"""#),
        (r#"format("%5d|%-5d|%05d|%+d|% d", 42, 42, 42, 42, 42)"#, r#""   42|42   |00042|+42| 42""#),
        (r##"format("%x %X %o %b %#x", 255, 255, 8, 5, 255)"##, r#""ff FF 10 101 0xff""#),
        (r#"format("%f %.2f %8.3f", 3.14159, 0.125, 2.5)"#, r#""3.141590 0.12    2.500""#),
        (r#"format("%e %E %g %G", 12345.678, 0.00012, 1e-7, 1e21)"#, r#""1.234568e+04 1.200000E-04 1e-07 1E+21""#),
        (r#"format("%.20f", 0.1)"#, r#""0.10000000000000000000""#),
        (r#"format("%g %g %g %.3g", 100000, 1000000, 0.0001, 1234.5)"#, r#""100000 1e+06 0.0001 1.23e+03""#),
        (r#"format("%t %5t", true, "false")"#, r#""true false""#),
        (r#"format("100%% of %s", "x")"#, r#""100% of x""#),
        (r#"format("%[2]s %[1]s %s", "a", "b")"#, r#""b a b""#),
        (r#"format("%.3s|%5s|%-5s|%05s", "héllo", "é", "é", "é")"#, r#""hél|    é|é    |0000é""#),
        (
            r#"format("%d %v", 123456789012345678901234567890, 123456789012345678901234567890)"#,
            r#""123456789012345678901234567890 1.2345678901234567890123456789e+29""#,
        ),
        (r#"format("%+.1f % f %08.3f %v", 1, 2, -3.14159, -0.00001)"#, r#""+1.0  2.000000 -003.142 -1e-05""#),
        (r#"format("%5v|%-5v|", true, "x")"#, r#"" true|x    |""#),
        (r#"formatlist("%s-%d", ["a", "b"], [1, 2])"#, r#"["a-1","b-2"]"#),
        (
            r#"[formatlist("%s-%s", "x", ["a", "b"]), formatlist("%s", []), formatlist("%s", "x")]"#,
            r#"[["x-a","x-b"],[],["x"]]"#,
        ),
    ]);
    errors(&[
        (r#"format("%s", [1])"#, "unsupported value for \"%s\" at 0: a string is required"),
        (r#"format("%s", null)"#, "null value cannot be formatted"),
        (r#"format("%d", 1.5)"#, "an integer is required"),
        (r#"format("%x", "abc")"#, "a number is required"),
        (r#"format("%d")"#, "need index 1 but have 0 total"),
        (r#"format("%d %d", 1)"#, "\"%d\" at 3: need index 2 but have 1 total"),
        (r#"format("%[3]s", "a", "b")"#, "need index 3 but have 2 total"),
        (r#"format("x", 1)"#, "no verbs in format string"),
        (r#"format("%s", "a", "b")"#, "only 1 used"),
        (r#"format("%z", 1)"#, "no verb 'z'"),
        (r#"format("%", 1)"#, "cannot be read"),
        (r#"format("%*d", 1, 2)"#, "no verb '*'"),
        (r#"format("%[0]s", "a")"#, "cannot be read"),
        (r#"format("%999999999999d", 1)"#, "4096"),
        (r#"formatlist("%s-%s", ["a", "b"], ["c"])"#, "argument 2 has length 1"),
        (r#"formatlist("%s", null)"#, "iteration 0"),
    ]);
}
