//! Every function, by results of the peer's own console where it has the function, else by its documentation.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::eval::scope::Scope;
use crate::eval::testing::{check_errors, check_results, eval};

/// The run began on Tuesday 5 March 2024 at 17:08:09 UTC.
fn scope_in(folder: impl Into<PathBuf>) -> Scope {
    let folder = folder.into();
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_658_489);
    let cx = FunctionContext { root: folder.join("root"), cwd: folder, started, in_template: false };
    let mut scope = Scope::new(Arc::new(cx));
    scope.insert("t", "unknown", Value::unknown(Type::String));
    scope.insert("t", "secret", Value::from("hunter2").marked(true));
    scope.insert("t", "map", Value::map(Type::String, [("a".to_owned(), "1".into())].into()));
    scope
}

fn results(table: &[(&str, &str)]) {
    check_results(&scope_in("/work"), table);
}

fn errors(table: &[(&str, &str)]) {
    check_errors(&scope_in("/work"), table);
}

#[test]
fn numbers() {
    results(&[
        ("abs(-1.5)", "1.5"),
        ("ceil(1.2)", "2"),
        ("floor(-1.2)", "-2"),
        ("[signum(-3), signum(0), signum(0.5)]", "[-1,0,1]"),
        ("log(1000, 10)", "2.9999999999999996"),
        ("log(16, 2)", "4"),
        ("pow(2, 10)", "1024"),
        ("pow(2, 0.5)", "1.4142135623730951"),
        ("max(1, 3, 2)", "3"),
        (r#"min("4", 3)"#, "3"),
        ("max([1, 2, 3]...)", "3"),
        (r#"[parseint("ff", 16), parseint("-z", 36), parseint("zZ", 62)]"#, "[255,-35,2231]"),
        ("sum([1, 2.5])", "3.5"),
        ("[alltrue([]), alltrue([true, false]), alltrue([true, null])]", "[true,false,false]"),
        (r#"[anytrue([]), anytrue([false, "true"])]"#, "[false,true]"),
    ]);
    errors(&[
        ("max()", "at least 1 argument"),
        (r#"parseint("9", 8)"#, "base 8"),
        (r#"parseint("1", 1)"#, "from 2 to 62"),
        ("sum([])", "empty"),
        (r#"sum(["a"])"#, "number"),
        ("sum([1, null])", "every element must be a number"),
        ("abs(null)", "null"),
        ("pow(0, -1)", "finite"),
        ("abs(1, 2)", "expects 1 argument, 2 given"),
        (r#"abs("x")"#, "number"),
    ]);
}

#[test]
fn texts() {
    results(&[
        (r#"chomp("a\n\r\n")"#, r#""a""#),
        (r#"indent(2, "a\nb\n")"#, r#""a\n  b\n  ""#),
        (r#"join("-", ["a", "b"], ["c"])"#, r#""a-b-c""#),
        (r#"join("-", [])"#, r#""""#),
        (r#"lower("ÀB")"#, r#""àb""#),
        (r#"upper("straße")"#, r#""STRAßE""#),
        (r#"title("hello wORLD don't x_y")"#, r#""Hello WORLD Don'T X_y""#),
        (r#"replace("a.b.c", ".", "-")"#, r#""a-b-c""#),
        (r#"replace("abc", "/b/", "x")"#, r#""abc""#),
        (r#"split(",", "a,b,")"#, r#"["a","b",""]"#),
        (r#"split(",", "")"#, r#"[""]"#),
        (r#"split("", "ab")"#, r#"["a","b"]"#),
        (r#"strrev("he\u0301llo")"#, r#""olléh""#),
        (r#"[substr("hello", 1, 3), substr("hello", -3, -1), substr("hello", 9, 1)]"#, r#"["ell","llo",""]"#),
        (r#"[substr("hello", 2, -1), substr("hello", 0, 0)]"#, r#"["llo",""]"#),
        (r#"trim("?!hi?!", "!?")"#, r#""hi""#),
        (r#"[trimprefix("aab", "a"), trimsuffix("baa", "a"), trimspace("\t a \n")]"#, r#"["ab","ba","a"]"#),
        (r#"[startswith("ab", "a"), endswith("ab", "a"), strcontains("abc", "b")]"#, "[true,false,true]"),
        (r#"[length("he\u0301llo"), length("👨‍👩‍👧"), length("")]"#, "[5,1,0]"),
    ]);
    errors(&[
        (r#"indent(-1, "a")"#, "not negative"),
        (r#"join("-", ["a", null])"#, "null"),
        (r#"join("-", 1)"#, ""),
        (
            r#"indent(1000000, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n")"#,
            "too large",
        ),
    ]);
}

#[test]
fn regular_expressions() {
    results(&[
        (r#"regex("[a-z]+", "123abc")"#, r#""abc""#),
        (r#"regex("(\\d+)-(\\d+)", "1-2")"#, r#"["1","2"]"#),
        (r#"regex("(?P<y>\\d+)-(?P<m>\\d+)", "1-2")"#, r#"{"m":"2","y":"1"}"#),
        (r#"regexall("[a-z]", "a1b")"#, r#"["a","b"]"#),
        (r#"regexall("x", "a")"#, "[]"),
        (r#"regex_replace("-ab-axxb-", "a(x*)b", "$1W")"#, r#""---""#),
        (r#"regex_replace("-ab-axxb-", "a(x*)b", "$${1}W")"#, r#""-W-xxW-""#),
        (r#"regex_replace("ab", "(?P<l>a)", "[$l]")"#, r#""[a]b""#),
    ]);
    errors(&[
        (r#"regex("a", "b")"#, "does not match"),
        (r#"regex("(", "b")"#, "no regular expression"),
        (r#"regex("(a)(?P<x>b)", "ab")"#, "mixed"),
        (r#"regex("((a{100}){100}){100}", "b")"#, "no regular expression"),
    ]);
}

#[test]
fn sequences() {
    results(&[
        (r#"chunklist(["a", "b", "c"], 2)"#, r#"[["a","b"],["c"]]"#),
        ("chunklist([], 2)", "[]"),
        ("chunklist([1, 2], 0)", "[[1,2]]"),
        (r#"compact(["a", "", null, "b"])"#, r#"["a","b"]"#),
        (r#"concat(["a"], [1, true], [])"#, r#"["a",1,true]"#),
        (r#"distinct(["a", "b", "a"])"#, r#"["a","b"]"#),
        (r#"[element(["a", "b"], 3), element(["a", "b"], -1)]"#, r#"["b","b"]"#),
        (r#"flatten([["a", ["b"]], [], ["c"]])"#, r#"["a","b","c"]"#),
        ("flatten([[[[1]]], 2])", "[1,2]"),
        ("[length([1, 2]), length({ a = 1 }), length(t.map)]", "[2,1,1]"),
        ("[range(3), range(1, 4), range(0, 1, 0.25), range(3, 0)]", "[[0,1,2],[1,2,3],[0,0.25,0.5,0.75],[3,2,1]]"),
        ("reverse([1, 2, 3])", "[3,2,1]"),
        (r#"slice(["a", "b", "c"], 1, 2)"#, r#"["b"]"#),
        (r#"sort(["b", "a", "C"])"#, r#"["C","a","b"]"#),
    ]);
    errors(&[
        ("element([], 0)", "empty"),
        ("range(2000)", "1024"),
        ("range(0, 1, 0)", ""),
        (r#"slice(["a"], 1, 3)"#, ""),
        (r#"reverse("abc")"#, "list"),
        ("chunklist([1], -1)", "not negative"),
        ("length(1)", ""),
    ]);
}

#[test]
fn collections() {
    results(&[
        (r#"coalesce(null, "", "x")"#, r#""x""#),
        (r#"coalescelist([], ["a"])"#, r#"["a"]"#),
        (r#"[contains(["a", "b"], "b"), contains([1, 2], "1")]"#, "[true,false]"),
        (r#"index(["a", "b"], "b")"#, "1"),
        ("[keys({ b = 1, a = 2 }), values({ b = 1, a = 2 })]", r#"[["a","b"],[2,1]]"#),
        (r#"[lookup({ a = "1" }, "a", "x"), lookup(t.map, "b", "x")]"#, r#"["1","x"]"#),
        ("merge({ a = 1 }, { b = 2 }, null, { a = 3 })", r#"{"a":3,"b":2}"#),
        (r#"setintersection(["a", "b"], ["b", "c"])"#, r#"["b"]"#),
        (r#"setunion(["b"], ["a", "b"])"#, r#"["a","b"]"#),
        (r#"setproduct(["a", "b"], [1, 2])"#, r#"[["a",1],["a",2],["b",1],["b",2]]"#),
        (r#"setproduct([], ["a"])"#, "[]"),
        (r#"zipmap(["a", "b"], [1, 2])"#, r#"{"a":1,"b":2}"#),
    ]);
    errors(&[
        ("coalesce(null, null)", "null or empty"),
        ("coalescelist([], [])", "empty"),
        (r#"index(["a"], "c")"#, ""),
        (r#"index([], "c")"#, ""),
        (r#"lookup({ a = 1 }, "b")"#, "expects 3 arguments, 2 given"),
        (r#"zipmap(["a"], [1, 2])"#, "1 keys do not fit 2 values"),
        ("keys([1])", "map or object"),
        ("setproduct(range(1000), range(1000), range(10))", "more than"),
    ]);
}

#[test]
fn encodings() {
    results(&[
        (r#"[base64encode("é"), base64decode("aG\nk=")]"#, r#"["w6k=","hi"]"#),
        (r#"base64gzip("test")"#, r#""H4sIAAAAAAAA/ypJLS4BAAAA//8BAAD//wx+f9gEAAAA""#),
        (r#"base64gzip("")"#, r#""H4sIAAAAAAAA/wAAAP//AQAA//8AAAAAAAAAAA==""#),
        (r#"textencodebase64("é", "UTF-16LE")"#, r#""6QA=""#),
        (r#"[textencodebase64("é", "ISO-8859-1"), textdecodebase64("6Q==", "ISO-8859-1")]"#, r#"["6Q==","é"]"#),
        (r#"textdecodebase64(textencodebase64("日本", "Shift_JIS"), "shift_jis")"#, r#""日本""#),
        (r#"csvdecode("a,b\n\"x, \"\"y\"\"\",2\n\n3,4\n")"#, r#"[{"a":"x, \"y\"","b":"2"},{"a":"3","b":"4"}]"#),
        (r#"csvdecode("a\n")"#, "[]"),
        (r#"urlencode("a b+c/d?é*~-_.!'()")"#, r#""a+b%2Bc%2Fd%3F%C3%A9%2A~-_.%21%27%28%29""#),
        (
            r#"jsonencode({ b = 1, a = [null, true, 1.50, 1e30, 12345678901234567890123456789] })"#,
            r#""{\"a\":[null,true,1.5,1000000000000000000000000000000,12345678901234567890123456789],\"b\":1}""#,
        ),
        (
            r#"jsonencode("<>&\u2028\u0001\t\\\"/\u007fé😀")"#,
            "\"\\\"\\\\u003c\\\\u003e\\\\u0026\\\\u2028\\\\u0001\\\\t\\\\\\\\\\\\\\\"/\u{7f}é😀\\\"\"",
        ),
        (
            r#"jsondecode("{\"a\":12345678901234567890123456789,\"b\":[1,\"x\",null,1.10,1e2],\"a\":2}")"#,
            r#"{"a":2,"b":[1,"x",null,1.1,100]}"#,
        ),
    ]);
    errors(&[
        (r#"base64decode("/w==")"#, "not UTF-8"),
        (r#"base64decode("aGk")"#, "not base64"),
        (r#"textencodebase64("☃", "ISO-8859-1")"#, "cannot write"),
        (r#"textencodebase64("x", "nope")"#, "no known character set"),
        (r#"textdecodebase64("gA==", "UTF-8")"#, "not UTF-8 text"),
        (r#"csvdecode("")"#, "column names"),
        (r#"csvdecode("a,b\n1\n")"#, ""),
        (r#"csvdecode("a,a\n1,2\n")"#, "two columns"),
        (r#"csvdecode("a,b\n1,\"x")"#, "never closed"),
        (r#"jsondecode("")"#, "not JSON"),
        (r#"jsondecode("1 2")"#, "not JSON"),
        ("jsonencode()", "expects 1 argument, 0 given"),
    ]);
    let deep = format!("jsondecode(\"{}{}\")", "[".repeat(200), "]".repeat(200));
    assert!(eval(&deep, &scope_in("/")).unwrap_err().contains("nested"));
}

#[test]
fn yaml() {
    results(&[
        (
            r#"yamlencode({ a = [1, 2], b = { c = "x", d = [] }, e = {}, f = null, g = true, h = 1.5, i = "a\nb\n", j = "a\nb" })"#,
            r#""\"a\":\n- 1\n- 2\n\"b\":\n  \"c\": \"x\"\n  \"d\": []\n\"e\": {}\n\"f\": null\n\"g\": true\n\"h\": 1.5\n\"i\": |\n  a\n  b\n\"j\": |-\n  a\n  b\n""#,
        ),
        ("yamlencode([[1, 2], [{ a = 1, b = 2 }], []])", r#""- - 1\n  - 2\n- - \"a\": 1\n    \"b\": 2\n- []\n""#),
        (
            r#"[yamlencode("hello"), yamlencode(1), yamlencode(null), yamlencode([])]"#,
            r#"["\"hello\"\n","1\n...\n","null\n...\n","[]\n"]"#,
        ),
        (r#"yamlencode("a\nb")"#, r#""|-\n  a\n  b\n""#),
        (
            r#"yamlencode({ a = { b = { c = ["x", { d = 1, e = "\n" }] } } })"#,
            r#""\"a\":\n  \"b\":\n    \"c\":\n    - \"x\"\n    - \"d\": 1\n      \"e\": |2+\n\n""#,
        ),
        (r#"yamlencode({ l = "  lead\nx\n\n" })"#, r#""\"l\": |2+\n    lead\n  x\n\n""#),
        (r#"yamlencode({ l = "trail \nx" })"#, r#""\"l\": \"trail \\nx\"\n""#),
        (r#"yamlencode({ "key\nnl" = "x", "" = "" })"#, r#""\"\": \"\"\n? |-\n  key\n  nl\n: \"x\"\n""#),
        (
            r#"yamlencode({ l = "a\r\nb\u0001\t\n", k = "é ☃ \\ 😀 \u0085\ufeff\u2028" })"#,
            "\"\\\"k\\\": \\\"é ☃ \\\\\\\\ \\\\U0001F600 \\\\N\\\\uFEFF\\\\L\\\"\\n\\\"l\\\": \\\"a\\\\r\\\\nb\\\\x01\\\\t\\\\n\\\"\\n\"",
        ),
        (
            r#"yamlencode({ l = "aaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccccccc ddddddddddddddddddd eeeeeeeeeeeeeee" })"#,
            r#""\"l\": \"aaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccccccc ddddddddddddddddddd\n  eeeeeeeeeeeeeee\"\n""#,
        ),
        (
            r#"yamldecode("{a: yes, b: no, c: on, d: Y, e: 'yes', f: ~, g: , h: 0x1F, i: 017, j: 0o17, k: 1e3, m: 2001-01-01, o: +1}")"#,
            r#"{"a":true,"b":false,"c":true,"d":true,"e":"yes","f":null,"g":null,"h":31,"i":17,"j":15,"k":1000,"m":"2001-01-01T00:00:00Z","o":1}"#,
        ),
        (r#"yamldecode("- !!binary aGVsbG8=\n- !!str 1\n- !!float 1\n- !!int 3\n")"#, r#"["aGVsbG8=","1",1,3]"#),
        (
            r#"yamldecode("a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2\n")"#,
            r#"{"a":{"b":1},"c":{"b":1},"d":{"b":1,"e":2}}"#,
        ),
        (r#"yamldecode("1: a\ntrue: b\n")"#, r#"{"1":"a","true":"b"}"#),
        (
            r#"yamldecode("a: 2001-1-2T3:4:5Z\nb: 2001-01-02 03:04:05.5\nc: 12:30:45\nd: 08")"#,
            r#"{"a":"2001-01-02T03:04:05Z","b":"2001-01-02T03:04:05Z","c":"12:30:45","d":8}"#,
        ),
        (r#"yamldecode("a: 1\na: 2\n")"#, r#"{"a":2}"#),
        (r#"yamldecode("")"#, "null"),
        (
            r##"yamldecode(yamlencode({ a = ["x: y", "yes", 1, null, "- z"], b = { c = "#" } }))"##,
            r##"{"a":["x: y","yes",1,null,"- z"],"b":{"c":"#"}}"##,
        ),
    ]);
    errors(&[
        (r#"yamldecode("--- 1\n--- 2\n")"#, "second document"),
        (r#"yamldecode("a: [1")"#, "not YAML"),
        (r#"yamldecode("a: .inf")"#, "no number"),
        (r#"yamldecode("!foo bar")"#, "not supported"),
        (r#"yamldecode("a: &x [*x]")"#, ""),
        (r#"yamldecode("? [a]\n: b")"#, "single value"),
    ]);
    let laughs: String = (1..30).map(|n| format!("a{n}: &a{n} [*a{m}, *a{m}, *a{m}, *a{m}]\\n", m = n - 1)).collect();
    let error = eval(&format!("yamldecode(\"a0: &a0 x\\n{laughs}\")"), &scope_in("/")).unwrap_err();
    assert!(error.contains("more than"), "{error}");
}

#[test]
fn hashes_and_identifiers() {
    results(&[
        (r#"md5("hello")"#, r#""5d41402abc4b2a76b9719d911017c592""#),
        (r#"sha1("hello")"#, r#""aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d""#),
        (r#"sha256("")"#, r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#),
        (r#"substr(sha512(""), 0, 16)"#, r#""cf83e1357eefb8bd""#),
        (r#"uuidv5("dns", "www.example.com")"#, r#""2ed6657d-e927-568b-95e1-2665a8aea6a2""#),
        (r#"uuidv5("x500", "a")"#, r#""54a0a790-c611-5b5b-b50e-ff01490ecdfa""#),
        (
            r#"uuidv5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com")"#,
            r#""2ed6657d-e927-568b-95e1-2665a8aea6a2""#,
        ),
        (r#"[length(uuidv4()), uuidv4() == uuidv4()]"#, "[36,false]"),
        (
            r#"[length(bcrypt("x", 4)), substr(bcrypt("x", 4), 0, 7), bcrypt("x", 4) == bcrypt("x", 4)]"#,
            r#"[60,"$2a$04$",false]"#,
        ),
        (r#"substr(bcrypt("x", 2), 0, 7)"#, r#""$2a$10$""#),
    ]);
    errors(&[
        (r#"uuidv5("nope", "x")"#, "neither"),
        (r#"bcrypt("x", 99)"#, "refused"),
        (r#"bcrypt("x", 4, 5)"#, "expects 1 to 2 arguments, 3 given"),
        (r#"rsadecrypt("x", "y")"#, "not base64"),
        (r#"rsadecrypt("eHh4", "y")"#, "no RSA private key"),
    ]);
}

#[test]
fn a_text_encrypted_for_a_key_comes_back() {
    use base64::Engine as _;
    use rsa::pkcs1::EncodeRsaPrivateKey as _;
    use rsa::pkcs8::EncodePrivateKey as _;
    use rsa::rand_core::OsRng;
    let key = rsa::RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
    let cipher = key.to_public_key().encrypt(&mut OsRng, rsa::Pkcs1v15Encrypt, "grüße".as_bytes()).unwrap();
    let cipher = encoding::BASE64.encode(cipher);
    let mut scope = scope_in("/");
    for pem in
        [key.to_pkcs1_pem(rsa::pkcs1::LineEnding::LF).unwrap(), key.to_pkcs8_pem(rsa::pkcs1::LineEnding::LF).unwrap()]
    {
        scope.insert("t", "key", Value::from(pem.as_str()).marked(true));
        let value = eval(&format!("rsadecrypt(\"{cipher}\", t.key)"), &scope).unwrap();
        assert_eq!((value.as_str(), value.sensitive), (Some("grüße"), true));
    }
}

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

#[test]
fn unknown_and_sensitive_go_through() {
    let scope = scope_in("/");
    for text in ["upper(t.unknown)", "format(\"%s\", t.unknown)", "jsonencode([t.unknown])", "md5(t.unknown)"] {
        assert!(eval(text, &scope).unwrap().is_unknown(), "{text}");
    }
    check_results(&scope, &[("length([t.unknown, 1])", "2"), ("keys({ a = t.unknown })", r#"["a"]"#)]);
    for text in ["upper(t.secret)", "base64encode(t.secret)", "join(\",\", [t.secret])", "jsonencode({ a = t.secret })"]
    {
        assert!(eval(text, &scope).unwrap().sensitive, "{text}");
    }
    assert!(!eval("length([t.secret])", &scope).unwrap().sensitive);
}

/// No function of the peer is missing; those that ask a service say that they are not there yet.
#[test]
fn every_function_of_the_peer_is_known() {
    let all = "abs abspath alltrue anytrue aws_secretsmanager aws_secretsmanager_raw base64decode base64encode \
        base64gzip basename bcrypt ceil chomp chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce \
        coalescelist compact concat consul_key contains csvdecode dirname distinct element endswith file filebase64 \
        fileexists fileset flatten floor format formatdate formatlist indent index join jsondecode jsonencode keys \
        legacy_isotime legacy_strftime length log lookup lower max md5 merge min parseint pathexpand pow range regex \
        regex_replace regexall replace reverse rfc3339_parse rsadecrypt setintersection setproduct setunion sha1 \
        sha256 sha512 signum slice sort split startswith strcontains strrev substr sum textdecodebase64 \
        textencodebase64 timeadd timestamp title trim trimprefix trimspace trimsuffix unix_timestamp_parse upper \
        urlencode uuidv4 uuidv5 values vault yamldecode yamlencode zipmap";
    let mut known: Vec<&str> = names().collect();
    known.sort_unstable();
    assert_eq!(known, all.split_whitespace().collect::<Vec<_>>());
    errors(&[("vault(\"a\", \"b\")", "not supported yet")]);
}
