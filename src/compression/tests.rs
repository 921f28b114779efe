use std::io::Write;

use super::*;
use proptest::prelude::*;
use twox_hash::XxHash32;

/// More than a block of every format, and not of one byte only.
fn content() -> Vec<u8> {
    (0..40_000_u32)
        .flat_map(|number| format!("{{\"line\":{number}}}\n").into_bytes())
        .collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("compresses");
    encoder.finish().expect("ends")
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("compresses")
}

fn lz4_frame(content: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(content).expect("compresses");
    encoder.finish().expect("ends")
}

fn lz4_block(content: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut block = |method: u8, data: &[u8], original: &[u8]| {
        stream.extend_from_slice(b"LZ4Block");
        stream.push(method | 6);
        stream.extend_from_slice(&(data.len() as u32).to_le_bytes());
        stream.extend_from_slice(&(original.len() as u32).to_le_bytes());
        let checksum = match original {
            [] => 0,
            _ => XxHash32::oneshot(0x9747_B28C, original) & 0x0FFF_FFFF,
        };
        stream.extend_from_slice(&checksum.to_le_bytes());
        stream.extend_from_slice(data);
    };
    for (index, part) in content.chunks(1 << 16).enumerate() {
        if index == 1 {
            block(0x10, part, part);
        } else {
            block(0x20, &lz4_flex::block::compress(part), part);
        }
    }
    block(0x10, &[], &[]);
    stream
}

fn snappy_frame(content: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(content).expect("compresses");
    encoder.into_inner().expect("ends")
}

fn xerial(content: &[u8]) -> Vec<u8> {
    let mut stream = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for part in content.chunks(1 << 15) {
        let data = snap::raw::Encoder::new()
            .compress_vec(part)
            .expect("compresses");
        stream.extend_from_slice(&(data.len() as u32).to_be_bytes());
        stream.extend_from_slice(&data);
    }
    stream
}

/// Chunks without a repetition, as the encoder writes them for random content.
fn lzf(content: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    for part in content.chunks(0xFFFF) {
        stream.extend_from_slice(b"ZV\0");
        stream.extend_from_slice(&(part.len() as u16).to_be_bytes());
        stream.extend_from_slice(part);
    }
    if content.is_empty() {
        stream.extend_from_slice(b"ZV\0\0\0");
    }
    stream
}

type Compress = fn(&[u8]) -> Vec<u8>;
const FORMATS: [(&str, Compress); 7] = [
    ("gzip", gzip),
    ("zstd", zstd),
    ("lz4 frame", lz4_frame),
    ("lz4 block", lz4_block),
    ("lzf", lzf),
    ("snappy frame", snappy_frame),
    ("xerial snappy", xerial),
];

fn read(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    decompress(Cursor::new(bytes))?.read_to_end(&mut content)?;
    Ok(content)
}

#[test]
fn every_format_is_recognized_by_its_first_bytes() {
    let content = content();
    for (name, compress) in FORMATS {
        assert!(
            read(compress(&content)).expect(name) == content,
            "{name}: another content"
        );
        assert!(read(compress(b"")).expect(name).is_empty(), "{name}");
    }
    assert!(read(content.clone()).expect("plain") == content);
    assert!(read(Vec::new()).expect("empty").is_empty());
}

#[test]
fn streams_may_follow_one_another_and_be_compressed_twice() {
    for (name, compress) in FORMATS {
        let twice = [compress(b"first\n"), compress(b"second\n")].concat();
        assert_eq!(read(twice).expect(name), b"first\nsecond\n", "{name}");
        assert_eq!(
            read(gzip(&compress(b"inner"))).expect(name),
            b"inner",
            "{name}"
        );
    }
}

/// What Spark wrote of one event log with each of its codecs.
#[test]
fn the_streams_of_spark_give_the_same_log() {
    let zstd: &[u8] = include_bytes!("../../tests/fixtures/traces/spark/words.zstd");
    let expected = read(zstd.to_vec()).expect("zstd");
    assert!(expected.starts_with(b"{\"Event\":\"SparkListenerLogStart\""));
    assert!(expected.ends_with(b"}\n"));
    for (name, stream) in [
        (
            "lz4",
            &include_bytes!("../../tests/fixtures/traces/spark/words.lz4")[..],
        ),
        (
            "lzf",
            include_bytes!("../../tests/fixtures/traces/spark/words.lzf"),
        ),
        (
            "snappy",
            include_bytes!("../../tests/fixtures/traces/spark/words.snappy"),
        ),
    ] {
        let log = read(stream.to_vec()).expect(name);
        assert!(log == expected, "{name}: another content");
    }
}

#[test]
fn references_of_lzf_may_overlap_what_they_append() {
    // "ab", and 7 bytes from 2 bytes back; then 13 bytes from 1 byte back.
    let data = [0x01, b'a', b'b', 5 << 5, 1, 7 << 5, 4, 0];
    let original = b"ababababaaaaaaaaaaaaaa".len() as u8;
    let stream = [&b"ZV\x01\0"[..], &[data.len() as u8, 0, original], &data].concat();
    assert_eq!(read(stream).expect("reads"), b"ababababaaaaaaaaaaaaaa");
}

#[test]
fn a_truncated_stream_is_an_error() {
    let content = content();
    for (name, compress) in FORMATS {
        let whole = compress(&content);
        let error = read(whole[..whole.len() - 3].to_vec()).expect_err(name);
        assert_eq!(
            error.kind(),
            io::ErrorKind::UnexpectedEof,
            "{name}: {error}"
        );
        let half = read(whole[..whole.len() / 2].to_vec());
        assert!(half.is_err(), "{name}: half of the stream");
    }
}

#[test]
fn a_stream_that_ends_between_two_blocks_is_truncated() {
    // The last block is the end mark.
    let without_end_mark = [(lz4_block as Compress, 21), (lz4_frame, 4)];
    for (compress, end_mark) in without_end_mark {
        let whole = compress(&content());
        let error = read(whole[..whole.len() - end_mark].to_vec()).expect_err("truncated");
        assert!(error.to_string().contains("end mark"), "{error}");
    }
}

#[test]
fn a_damaged_stream_is_an_error() {
    for (name, compress) in [FORMATS[0], FORMATS[3], FORMATS[5]] {
        let mut bytes = compress(&content());
        let middle = bytes.len() / 2;
        for byte in &mut bytes[middle..middle + 8] {
            *byte = !*byte;
        }
        assert!(read(bytes).is_err(), "{name} has a checksum");
    }
}

#[test]
fn lengths_that_no_writer_uses_are_refused_before_memory_is_taken() {
    let mut lz4 = lz4_block(b"text");
    lz4[13..17].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut snappy = xerial(b"text");
    snappy[16..20].copy_from_slice(&0x7FFF_FFFF_u32.to_be_bytes());
    for bytes in [lz4, snappy] {
        assert!(
            read(bytes)
                .expect_err("refused")
                .to_string()
                .contains("damaged")
        );
    }
}

#[test]
fn a_block_without_a_checksum_is_read() {
    let mut bytes = lz4_block(b"text");
    bytes[17..21].fill(0);
    assert_eq!(read(bytes).expect("decompresses"), b"text");
}

#[test]
fn frames_without_data_are_skipped() {
    let skipped = b"\x50\x2A\x4D\x18\x03\0\0\0abc";
    for compress in [zstd as Compress, lz4_frame] {
        let bytes = [&skipped[..], &compress(b"text")].concat();
        assert_eq!(read(bytes).expect("decompresses"), b"text");
    }
}

#[test]
fn other_formats_are_named_with_a_remedy() {
    for (bytes, expected) in [
        (&b"PK\x03\x04rest"[..], "zip archive; unzip"),
        (b"BZh91AY&SY", "bzip2; decompress"),
        (b"\xFD7zXZ\0rest", "xz; decompress"),
        (b"PAR1rest", "Parquet"),
    ] {
        let error = read(bytes.to_vec()).expect_err("unsupported").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

proptest! {
    #[test]
    fn garbage_behind_any_first_bytes_never_panics(format in 0..FORMATS.len(), garbage in proptest::collection::vec(any::<u8>(), 0..200)) {
        let first = FORMATS[format].1(b"");
        let _ = read([&first[..first.len().min(16)], &garbage].concat());
    }
}
