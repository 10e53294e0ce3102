//! Encodings, YAML, hashes and what is encrypted.

use super::super::encoding;
use super::{errors, results, scope_in};
use crate::eval::testing::eval;
use crate::value::Value;

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
