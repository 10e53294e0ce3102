//! Files beside Go's: the digests are of what Go 1.26 makes of the same texts with `gzip.NewWriter`, `Write` of all of
//! it, `Flush` and `Close`, in base64.

use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};

use super::huffman::{Code, LONGEST};
use super::*;

/// Knuth's generator, the upper 31 bits.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }
}

fn noise(length: usize) -> Vec<u8> {
    let mut noise = Noise(1);
    (0..length).map(|_| noise.next() as u8).collect()
}

fn printable(length: usize) -> Vec<u8> {
    let mut noise = Noise(1);
    (0..length).map(|_| b' ' + (noise.next() % 95) as u8).collect()
}

/// Words, numbers, noise and characters of several bytes, in lines.
fn mixed(length: usize) -> Vec<u8> {
    const WORDS: [&str; 8] = ["source", "build", "provisioner", "image", "é", "日本語", "=", "true"];
    let mut noise = Noise(1);
    let mut text = String::new();
    while text.len() < length {
        match noise.next() % 8 {
            0 => text.push('\n'),
            1 => text.push_str(&noise.next().to_string()),
            2 => (0..12).for_each(|_| text.push(char::from(b' ' + (noise.next() % 95) as u8))),
            _ => text.push_str(WORDS[noise.next() % 8]),
        }
        text.push(' ');
    }
    text.into_bytes()[..length].to_vec()
}

/// Bytes so unequally frequent that the best words would be longer than the format allows.
fn unequal() -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut count, mut next) = (1, 1);
    for byte in 0..20 {
        bytes.extend(vec![byte; count]);
        (count, next) = (next, count + next);
    }
    let mut noise = Noise(1);
    (1..bytes.len()).rev().for_each(|last| bytes.swap(last, noise.next() % (last + 1)));
    bytes
}

fn repeated(unit: &[u8], length: usize) -> Vec<u8> {
    unit.iter().copied().cycle().take(length).collect()
}

/// A long piece, its beginning, and the piece again.
fn thrice(beginning: usize) -> Vec<u8> {
    let piece = noise(200);
    [piece.as_slice(), b"-", &piece[..beginning], b"+", &piece].concat()
}

#[test]
fn files_are_those_of_the_peer() {
    let line = b"packer build -only=docker.ubuntu template.pkr.hcl\n";
    let table: &[(&str, Vec<u8>, &str)] = &[
        (
            "short",
            b"The quick brown fox jumps over the lazy dog. The lazy dog sleeps.".to_vec(),
            "506646cdbdcf87e8f0e44f47af3ab5d483c5cdc155752b6f3aec2599331155e4",
        ),
        ("repeated", repeated(line, 102_400), "b4af9c07011e7d23c32309f536669e78c7b8395493e30e95be670f9d4d8c14a2"),
        ("one byte", vec![b'a'; 100_000], "1e31436b84bc65c449ed6360a46d31fd2eb97d445b1e2021763d4f011648aa69"),
        ("printable", printable(102_400), "0eafd4bf2fa787aa878072790172db2a1793aba1aa85d848a3385506b0ff0a93"),
        ("mixed", mixed(71_680), "8bc4bb81ec9a8e065d4bb736f84b0a89f5b6774093454670a02ad4d4c2fc391f"),
        ("long", mixed(700_000), "e3e52768779e2635494b040f2b50538470b990e8851e9fa98c91b14b96b502e6"),
        ("unequal", unequal(), "41ba02f8b7d36f1cfa0f07af9013ef30be4a9fffa33529b83f05655f4a0c595d"),
        // As far as the window reaches after it moved, and as the format does.
        (
            "period 32506",
            repeated(&noise(32_506), 140_000),
            "256e834ce795990d43324ca55273027cfca71d9e4d0d662394cfbd647926d328",
        ),
        (
            "period 32507",
            repeated(&noise(32_507), 140_000),
            "83164b14b43f85b0eff549e875611e57572d438a6bf084d5bc3a0554feec71a8",
        ),
        (
            "period 32700",
            repeated(&noise(32_700), 140_000),
            "1075f57005606f300eb84bb22c78fae1afb50fc7300d37bdac7ca5a83ba3df68",
        ),
        (
            "period 32768",
            repeated(&noise(32_768), 140_000),
            "d99205994363d26d28dd265e0fa2206a8751b495d13ce71b2df4673d6bfcdab2",
        ),
        (
            "period 32769",
            repeated(&noise(32_769), 140_000),
            "862cf2f821e7cad9a12a7b64bb6a517b821ef5cd3608421791b47852aa725a5e",
        ),
        (
            "two windows",
            repeated(&noise(32_700), 65_536),
            "be837dc1f683548b469d7740416ad5f7844068003c176593d8a81623ece99748",
        ),
        // Where the shortest repetitions still pay.
        (
            "4096 back",
            repeated(&printable(4096), 4100),
            "3d9cb46a718a232d06af224eb4818ac9533eddc3a70c6a54a942d62f100fd151",
        ),
        (
            "4097 back",
            repeated(&printable(4097), 4101),
            "6c7003fc2cfa8f1de8f40ca9136222cd2ba161adca5e6bd605ef7559ca4ac878",
        ),
        // The nearest is long enough, or the one behind it is better.
        ("128 are enough", thrice(128), "c42f2484fe67cd9558ce5be048256c4bc2c04929e95284c472132d75fb62be4f"),
        ("127 are not", thrice(127), "fa460f385e57201a22a411eefdcd16061671d1b828db76889bc1d2cdcc63d353"),
        // Forms of equal length.
        ("code or bytes", (150..175).collect(), "f3678b824646b94afcc264f067d93ad94722d8f8a1124ce4e79aef290121b7be"),
        ("bytes", (150..176).collect(), "0fbeffd75e59de7791756c0f0c608a2f8f13b0d813b78e48ea1c18d54521f66a"),
        (
            "code or code",
            b"abrbaobaaanbabbbaakba".to_vec(),
            "98e9aaff14696d4feb1eb3474fab5d1e2833e78fe38e6060076de2c8dd6b3496",
        ),
        // Blocks of plain bytes.
        ("few plain bytes", noise(40), "075de330f7af9a5a3b7ab3f2174657a383a7f2b5aef451e95e39dc945197d7b3"),
        ("a block", noise(16_384), "f02d6425baabf59e904e4c89523a504ad2f5f044941db87a5ff5744e21e9ffd7"),
        ("a block and a byte", noise(16_385), "f57cbe47fdb23961010d9c1cacc705708b5edf2e9cb43a846432fad8a84ad08a"),
        ("65535 plain bytes", noise(65_535), "6ac087d6f27bfe6de27ce4d3b137bf4b06a97d9d3a6d91820e208b31837cfa01"),
        ("twice the window", noise(65_536), "fbb2f3c885c72f80e8bcbddc935e02b4cee6df357b35840fdefbf37aae405ce5"),
        (
            "twice the window and a byte",
            noise(65_537),
            "f5c828a2fc315792ea1ae2ec4b67e77bd0ab93d1265d94828483a64673196ffb",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, text, digest) in table {
        let file = gzip(text);
        let mut unpacked = Vec::new();
        GzDecoder::new(file.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == *text, "{name}: unpacks to something else");
        let own = Sha256::digest(BASE64_STANDARD.encode(file));
        let own: String = own.iter().map(|byte| format!("{byte:02x}")).collect();
        if own != *digest {
            wrong.push(*name);
        }
    }
    assert!(wrong.is_empty(), "other files than the peer's: {wrong:?}");
}

#[test]
fn a_block_ends_after_its_last_token() {
    assert_eq!(Matcher::new(&noise(BLOCK)).count(), BLOCK);
    assert_eq!(Matcher::new(&noise(BLOCK + 1)).count(), BLOCK + 1);
}

#[test]
fn a_repetition_waits_for_a_longer_one() {
    let tokens: Vec<Token> = Matcher::new(b"abcd_bcdefg_abcdefg").collect();
    let bytes = |text: &[u8]| text.iter().map(|byte| Token::Byte(*byte)).collect::<Vec<_>>();
    let expected = [bytes(b"abcd_bcdefg_a"), vec![Token::Repeat(Repeat { length: 6, distance: 8 })]].concat();
    assert_eq!(tokens, expected);
}

#[test]
fn words_are_no_longer_than_allowed() {
    let counts: Vec<u32> = (0..24).map(|power| 1 << power).collect();
    for longest in [5, 7, LONGEST] {
        let lengths = Code::shortest(&counts, longest).lengths();
        assert_eq!(lengths.iter().max(), Some(&longest));
        // A word of length n takes its 2^n-th part of the words there can be.
        let taken: u32 = lengths.iter().map(|length| 1 << (longest - length)).sum();
        assert_eq!(taken, 1 << longest);
    }
    assert_eq!(Code::shortest(&[], LONGEST).lengths(), [0; 0]);
    assert_eq!(Code::shortest(&[0, 9, 0], LONGEST).lengths(), [0, 1]);
    assert_eq!(Code::shortest(&[1, 0, 9], LONGEST).lengths(), [1, 0, 1]);
}
