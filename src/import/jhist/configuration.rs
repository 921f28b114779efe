//! Hadoop's configuration files: `<property>` with `<name>` and `<value>`.

use std::io::BufReader;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::inputs::job_id;
use crate::import::error::{ImportError, malformed, unusable};
use crate::import::hadoop::Properties;
use crate::import::source::Source;

/// The most text of a configuration.
const CONFIGURATION_MIB: u64 = 64;

/// Reads a configuration: the job that its file's name says, and the properties.
pub(super) fn read(source: Source) -> Result<(String, Properties), ImportError> {
    let Some(job) = job_id(&source.name) else {
        let problem =
            "this configuration's name does not say whose it is; expected job_..._conf.xml";
        return Err(unusable(&source.name, problem));
    };
    let (path, input, meter) = source.metered(CONFIGURATION_MIB);
    let mut reader = Reader::from_reader(BufReader::new(input));
    let mut buffer = Vec::new();
    let mut properties = Properties::default();
    let (mut name, mut value) = (String::new(), String::new());
    let mut element = Element::Other;
    loop {
        let event = reader.read_event_into(&mut buffer);
        let event = event.map_err(|error| malformed(&path, meter.line(), error.to_string()))?;
        match event {
            Event::Start(tag) => {
                element = match tag.local_name().as_ref() {
                    b"name" => Element::Name,
                    b"value" => Element::Value,
                    _ => Element::Other,
                };
            }
            Event::Text(text) => {
                // A text that is not valid XML is another's property; the sizes are plain numbers.
                let text = text.unescape().unwrap_or_default();
                match element {
                    Element::Name => name.push_str(&text),
                    Element::Value => value.push_str(&text),
                    Element::Other => {}
                }
            }
            Event::End(tag) => {
                element = Element::Other;
                if tag.local_name().as_ref() == b"property" {
                    properties.insert(std::mem::take(&mut name), std::mem::take(&mut value));
                }
            }
            Event::Eof => return Ok((job, properties)),
            _ => {}
        }
        buffer.clear();
    }
}

enum Element {
    Name,
    Value,
    Other,
}
