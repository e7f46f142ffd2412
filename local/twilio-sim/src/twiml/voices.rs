//! Which SSML a voice speaks, by its class.

use super::xml::Element;

/// The SSML elements in Twilio's documentation.
const DOCUMENTED: [&str; 10] = [
    "break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w",
];

/// Returns true if Twilio documents that the voice speaks the element.
///
/// The account's own voice, which a Say without `voice` has, and voices of other providers may speak any.
pub(super) fn speaks(voice: Option<&str>, element: &Element) -> bool {
    let name = element.name.as_str();
    let Some(voice) = voice.map(str::to_ascii_lowercase) else {
        return true;
    };
    match voice.split_once('.') {
        None => false,
        Some(("polly", voice)) => {
            let is_standard = !voice.contains('-');
            let has_pitch = name == "prosody" && element.attr("pitch").is_some();
            DOCUMENTED.contains(&name) && (is_standard || (name != "emphasis" && !has_pitch))
        }
        Some(("google", _)) => DOCUMENTED.contains(&name) && name != "w",
        Some(_) => true,
    }
}
