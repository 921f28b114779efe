//! Avro's binary encoding, as far as job histories use it (Apache Avro specification, "Binary
//! encoding"). The schema is in the file, so histories of every version of Hadoop can be read.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde_json::{Map, Value};

use super::events::Fields;

/// The longest text, and the deepest nesting, of an event.
const TEXT_BYTES_MAX: u64 = 16 << 20;
const DEPTH_MAX: usize = 32;

/// The schema of the events.
pub struct Schema {
    root: Type,
    /// The types that have a name, which others refer to.
    named: BTreeMap<String, Type>,
}

#[derive(Clone)]
enum Type {
    Null,
    Boolean,
    /// `int` and `long`, which are encoded alike.
    Whole,
    Float,
    Double,
    /// `string` and `bytes`, which are encoded alike.
    Text,
    Fixed(u64),
    Enum(Vec<String>),
    Array(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
    Record(Vec<(String, Type)>),
    Named(String),
}

impl Schema {
    /// Parses the line of the schema.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(line)
            .map_err(|error| format!("{error}; expected the schema of the events"))?;
        let mut named = BTreeMap::new();
        let root = parse(&json, &mut named, 0)
            .ok_or("expected the schema of the events, in Avro's JSON")?;
        Ok(Self { root, named })
    }

    /// Reads one event: its kind and its fields.
    pub fn event(&self, input: &mut impl Read) -> io::Result<(String, Fields)> {
        let event = self.read(&self.root, input, 0)?;
        let kind = event.get("type").and_then(Value::as_str);
        let kind = kind.unwrap_or_default().to_owned();
        let fields = event.get("event").cloned().unwrap_or_default();
        let fields = serde_json::from_value(fields).map_err(io::Error::other)?;
        Ok((kind, fields))
    }

    fn read(&self, of: &Type, input: &mut impl Read, depth: usize) -> io::Result<Value> {
        if depth > DEPTH_MAX {
            return Err(damaged("it is nested too deeply"));
        }
        Ok(match of {
            Type::Null => Value::Null,
            Type::Boolean => Value::from(byte(input)? != 0),
            Type::Whole => Value::from(whole(input)?),
            Type::Float => skipped(input, 4)?,
            Type::Double => skipped(input, 8)?,
            Type::Fixed(bytes) => skipped(input, *bytes)?,
            Type::Text => text(input)?,
            Type::Enum(symbols) => {
                let symbol = usize::try_from(whole(input)?).ok();
                let symbol = symbol.and_then(|index| symbols.get(index));
                Value::from(
                    symbol
                        .ok_or_else(|| damaged("an enumeration has no such value"))?
                        .as_str(),
                )
            }
            Type::Array(items) => self.skip_blocks(items, false, input, depth)?,
            Type::Map(values) => self.skip_blocks(values, true, input, depth)?,
            Type::Union(branches) => {
                let branch = usize::try_from(whole(input)?).ok();
                let branch = branch.and_then(|index| branches.get(index));
                let branch = branch.ok_or_else(|| damaged("a union has no such branch"))?;
                self.read(branch, input, depth + 1)?
            }
            Type::Record(fields) => {
                let mut record = Map::new();
                for (name, field) in fields {
                    record.insert(name.clone(), self.read(field, input, depth + 1)?);
                }
                Value::from(record)
            }
            Type::Named(name) => {
                let named = self.named.get(name);
                let named = named.ok_or_else(|| damaged("the schema lacks a type"))?;
                self.read(named, input, depth + 1)?
            }
        })
    }

    /// Arrays and maps, whose content no field of interest has: blocks, each with its count.
    fn skip_blocks(
        &self,
        items: &Type,
        has_keys: bool,
        input: &mut impl Read,
        depth: usize,
    ) -> io::Result<Value> {
        loop {
            let count = match whole(input)? {
                0 => return Ok(Value::Null),
                count if count < 0 => {
                    whole(input)?;
                    count.unsigned_abs()
                }
                count => count.unsigned_abs(),
            };
            if matches!(items, Type::Null) && !has_keys {
                continue;
            }
            for _ in 0..count {
                if has_keys {
                    text(input)?;
                }
                self.read(items, input, depth + 1)?;
            }
        }
    }
}

fn parse(json: &Value, named: &mut BTreeMap<String, Type>, depth: usize) -> Option<Type> {
    if depth > DEPTH_MAX {
        return None;
    }
    match json {
        Value::String(name) => {
            Some(primitive(name).unwrap_or_else(|| Type::Named(last_part(name))))
        }
        Value::Array(branches) => {
            let branches = branches
                .iter()
                .map(|branch| parse(branch, named, depth + 1));
            Some(Type::Union(branches.collect::<Option<_>>()?))
        }
        Value::Object(object) => {
            let inner = |key: &str, named: &mut BTreeMap<String, Type>| {
                parse(object.get(key)?, named, depth + 1).map(Box::new)
            };
            let parsed = match object.get("type")? {
                Value::String(kind) => match kind.as_str() {
                    "record" => {
                        let fields = object.get("fields")?.as_array()?;
                        let fields = fields.iter().map(|field| {
                            let name = field.get("name")?.as_str()?.to_owned();
                            Some((name, parse(field.get("type")?, named, depth + 1)?))
                        });
                        Type::Record(fields.collect::<Option<_>>()?)
                    }
                    "enum" => {
                        let symbols = object.get("symbols")?.as_array()?.iter();
                        let symbols = symbols.map(|symbol| symbol.as_str().map(str::to_owned));
                        Type::Enum(symbols.collect::<Option<_>>()?)
                    }
                    "array" => Type::Array(inner("items", named)?),
                    "map" => Type::Map(inner("values", named)?),
                    "fixed" => Type::Fixed(object.get("size")?.as_u64()?),
                    other => primitive(other).unwrap_or_else(|| Type::Named(last_part(other))),
                },
                nested => parse(nested, named, depth + 1)?,
            };
            match object.get("name").and_then(Value::as_str) {
                Some(name) => {
                    named.insert(last_part(name), parsed);
                    Some(Type::Named(last_part(name)))
                }
                None => Some(parsed),
            }
        }
        _ => None,
    }
}

fn primitive(name: &str) -> Option<Type> {
    Some(match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" | "long" => Type::Whole,
        "float" => Type::Float,
        "double" => Type::Double,
        "string" | "bytes" => Type::Text,
        _ => return None,
    })
}

/// A name without its namespace: a history has one.
fn last_part(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).to_owned()
}

/// A whole number: seven bits to a byte, the lowest first, with the sign in the lowest bit.
fn whole(input: &mut impl Read) -> io::Result<i64> {
    let mut bits: u64 = 0;
    for shift in (0..64).step_by(7) {
        let byte = byte(input)?;
        bits |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok((bits >> 1) as i64 ^ -((bits & 1) as i64));
        }
    }
    Err(damaged("a number is too long"))
}

fn byte(input: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn text(input: &mut impl Read) -> io::Result<Value> {
    let bytes = u64::try_from(whole(input)?).ok();
    let bytes = bytes.filter(|bytes| *bytes <= TEXT_BYTES_MAX);
    let bytes = bytes.ok_or_else(|| damaged("a text is too long"))?;
    let mut text = Vec::new();
    if input.take(bytes).read_to_end(&mut text)? as u64 != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Value::from(String::from_utf8_lossy(&text)))
}

fn skipped(input: &mut impl Read, bytes: u64) -> io::Result<Value> {
    if io::copy(&mut input.take(bytes), &mut io::sink())? != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Value::Null)
}

fn damaged(problem: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{problem}; the file is damaged, copy it again"),
    )
}
