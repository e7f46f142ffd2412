//! The languages that Twilio speaks, each with a voice of the cheapest class.
//!
//! Source: Twilio's page on text-to-speech, and its Node SDK 6.3.1.

use std::iter;

/// A language that `<Say>` supports.
pub(super) struct Spoken {
    /// Twilio's tag.
    pub(super) tag: &'static str,
    /// The default voice: basic if a basic voice speaks the language, otherwise standard, otherwise neural.
    pub(super) voice: &'static str,
    /// The names of the Polly voices that speak it, in any class.
    pub(super) polly: &'static [&'static str],
}

/// Returns the language with this tag, or with its longest known prefix: `en-GB` for `en-GB-oed`.
///
/// Otherwise returns the first one with the same primary language: `es-ES` for `es-AR`, and `ja-JP` for `ja`.
pub(super) fn find(tag: &str) -> Option<&'static Spoken> {
    iter::successors(Some(tag), |tag| Some(tag.rsplit_once('-')?.0))
        .find_map(named)
        .or_else(|| {
            let primary = primary(tag);
            let mut all = LANGUAGES.iter();
            all.find(|it| self::primary(it.tag).eq_ignore_ascii_case(primary))
        })
}

/// Returns the language with this tag or alias, in any case.
pub(super) fn named(tag: &str) -> Option<&'static Spoken> {
    let mut names = ALIASES.iter();
    let renamed = names.find(|(other, _)| other.eq_ignore_ascii_case(tag));
    let tag = renamed.map_or(tag, |(_, tag)| tag);
    LANGUAGES.iter().find(|it| it.tag.eq_ignore_ascii_case(tag))
}

/// Returns the first language that the Polly voice with this name speaks.
pub(super) fn of_polly(name: &str) -> Option<&'static Spoken> {
    LANGUAGES.iter().find(|it| it.has_polly(name))
}

impl Spoken {
    /// Returns whether the Polly voice with this name speaks the language.
    pub(super) fn has_polly(&self, name: &str) -> bool {
        self.polly.iter().any(|it| it.eq_ignore_ascii_case(name))
    }

    /// Returns whether the basic voice `alice` speaks the language.
    pub(super) fn has_alice(&self) -> bool {
        ALICE_SPEAKS.contains(&self.tag)
    }
}

fn primary(tag: &str) -> &str {
    tag.split_once('-').map_or(tag, |(primary, _)| primary)
}

/// The languages of `alice`. Source: an earlier version of Twilio's documentation of `<Say>`.
const ALICE_SPEAKS: [&str; 23] = [
    "ca-ES", "da-DK", "de-DE", "en-AU", "en-GB", "en-IN", "en-US", "es-ES", "es-MX", "fi-FI",
    "fr-CA", "fr-FR", "it-IT", "ja-JP", "ko-KR", "nb-NO", "nl-NL", "pl-PL", "pt-BR", "pt-PT",
    "ru-RU", "sv-SE", "zh-CN",
];

/// Aliases: tags that Twilio does not list, or lists without a voice.
const ALIASES: [(&str, &str); 9] = [
    ("cmn-Hant", "cmn-TW"),
    ("en-UK", "en-GB"),
    ("iw", "he-IL"),
    ("no", "nb-NO"),
    ("tl", "fil-PH"),
    ("zh-HK", "yue-HK"),
    ("zh-Hant", "cmn-TW"),
    ("zh-Hant-HK", "yue-HK"),
    ("zh-TW", "cmn-TW"),
];

const fn language(
    tag: &'static str,
    voice: &'static str,
    polly: &'static [&'static str],
) -> Spoken {
    Spoken { tag, voice, polly }
}

/// For a language of several countries, the default comes first.
const LANGUAGES: [Spoken; 70] = [
    language("af-ZA", "Google.af-ZA-Standard-A", &[]),
    language("am-ET", "Google.am-ET-Standard-A", &[]),
    language("ar-XA", "Google.ar-XA-Standard-A", &[]),
    language("ar-AE", "Polly.Hala-Neural", &["Hala", "Zayd"]),
    language("arb", "Polly.Zeina", &["Zeina"]),
    language("bg-BG", "Google.bg-BG-Standard-A", &[]),
    language("bn-IN", "Google.bn-IN-Standard-C", &[]),
    language("ca-ES", "Google.ca-ES-Standard-A", &["Arlet"]),
    language("cmn-CN", "Polly.Zhiyu", &["Zhiyu"]),
    language("cmn-TW", "Google.cmn-TW-Standard-A", &[]),
    language("cs-CZ", "Google.cs-CZ-Standard-A", &["Jitka"]),
    language("cy-GB", "Polly.Gwyneth", &["Gwyneth"]),
    language("da-DK", "Polly.Naja", &["Naja", "Mads", "Sofie"]),
    language("de-DE", "woman", &["Marlene", "Hans", "Vicki", "Daniel"]),
    language("de-AT", "Polly.Hannah-Neural", &["Hannah"]),
    language("el-GR", "Google.el-GR-Standard-A", &[]),
    language(
        "en-US",
        "woman",
        &[
            "Joanna", "Danielle", "Gregory", "Ivy", "Joey", "Justin", "Kendra", "Kevin",
            "Kimberly", "Matthew", "Ruth", "Salli", "Stephen",
        ],
    ),
    language("en-GB", "woman", &["Amy", "Arthur", "Brian", "Emma"]),
    language("en-AU", "Polly.Nicole", &["Nicole", "Olivia", "Russell"]),
    language("en-GB-WLS", "Polly.Geraint", &["Geraint"]),
    language("en-IE", "Polly.Niamh-Neural", &["Niamh"]),
    language("en-IN", "Polly.Raveena", &["Raveena", "Aditi", "Kajal"]),
    language("en-NZ", "Polly.Aria-Neural", &["Aria"]),
    language("en-ZA", "Polly.Ayanda-Neural", &["Ayanda"]),
    language(
        "es-ES",
        "woman",
        &["Conchita", "Enrique", "Lucia", "Sergio"],
    ),
    language("es-MX", "Polly.Mia", &["Mia", "Andres"]),
    language(
        "es-US",
        "Polly.Penelope",
        &["Penelope", "Lupe", "Miguel", "Pedro"],
    ),
    language("eu-ES", "Google.eu-ES-Standard-A", &[]),
    language("fi-FI", "Google.fi-FI-Standard-A", &["Suvi"]),
    language("fil-PH", "Google.fil-PH-Standard-A", &[]),
    language("fr-FR", "woman", &["Celine", "Lea", "Mathieu", "Remi"]),
    language("fr-BE", "Polly.Isabelle-Neural", &["Isabelle"]),
    language("fr-CA", "Polly.Chantal", &["Chantal", "Gabrielle", "Liam"]),
    language("gl-ES", "Google.gl-ES-Standard-A", &[]),
    language("gu-IN", "Google.gu-IN-Standard-A", &[]),
    language("he-IL", "Google.he-IL-Standard-D", &[]),
    language("hi-IN", "Polly.Aditi", &["Aditi", "Kajal"]),
    language("hu-HU", "Google.hu-HU-Standard-A", &[]),
    language("id-ID", "Google.id-ID-Standard-A", &[]),
    language("is-IS", "Polly.Dora", &["Dora", "Karl"]),
    language("it-IT", "woman", &["Carla", "Bianca", "Giorgio", "Adriano"]),
    language(
        "ja-JP",
        "Polly.Mizuki",
        &["Mizuki", "Takumi", "Kazuha", "Tomoko"],
    ),
    language("kn-IN", "Google.kn-IN-Standard-C", &[]),
    language("ko-KR", "Polly.Seoyeon", &["Seoyeon", "Jihye"]),
    language("lt-LT", "Google.lt-LT-Standard-A", &[]),
    language("lv-LV", "Google.lv-LV-Standard-A", &[]),
    language("ml-IN", "Google.ml-IN-Standard-A", &[]),
    language("mr-IN", "Google.mr-IN-Standard-A", &[]),
    language("ms-MY", "Google.ms-MY-Standard-A", &[]),
    language("nb-NO", "Polly.Liv", &["Liv", "Ida"]),
    language("nl-NL", "Polly.Lotte", &["Lotte", "Ruben", "Laura"]),
    language("nl-BE", "Google.nl-BE-Standard-A", &["Lisa"]),
    language("pa-IN", "Google.pa-IN-Standard-A", &[]),
    language(
        "pl-PL",
        "Polly.Ewa",
        &["Ewa", "Maja", "Jacek", "Jan", "Ola"],
    ),
    language(
        "pt-BR",
        "Polly.Camila",
        &["Camila", "Vitoria", "Ricardo", "Thiago"],
    ),
    language("pt-PT", "Polly.Ines", &["Ines", "Cristiano"]),
    language("ro-RO", "Polly.Carmen", &["Carmen"]),
    language("ru-RU", "Polly.Tatyana", &["Tatyana", "Maxim"]),
    language("sk-SK", "Google.sk-SK-Standard-A", &[]),
    language("sr-RS", "Google.sr-RS-Standard-A", &[]),
    language("sv-SE", "Polly.Astrid", &["Astrid", "Elin"]),
    language("ta-IN", "Google.ta-IN-Standard-C", &[]),
    language("te-IN", "Google.te-IN-Standard-A", &[]),
    language("th-TH", "Google.th-TH-Standard-A", &[]),
    language("tr-TR", "Polly.Filiz", &["Filiz", "Burcu"]),
    language("uk-UA", "Google.uk-UA-Standard-A", &[]),
    language("vi-VN", "Google.vi-VN-Standard-A", &[]),
    language("yue-HK", "Google.yue-HK-Standard-A", &[]),
    language("yue-CN", "Polly.Hiujin-Neural", &["Hiujin"]),
    language("zh-CN", "Polly.Zhiyu", &["Zhiyu"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Voice;

    #[test]
    fn default_voice_of_a_language_speaks_it() {
        for spoken in &LANGUAGES {
            let voice: Voice = spoken.voice.parse().unwrap();
            assert!(voice.class().is_some(), "{}", spoken.voice);
            assert!(
                voice.speaks(&spoken.tag.parse().unwrap()),
                "{} {}",
                spoken.tag,
                spoken.voice
            );
        }
    }

    #[test]
    fn tag_is_listed_once() {
        let mut tags: Vec<_> = LANGUAGES.iter().map(|it| it.tag).collect();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), LANGUAGES.len());
    }

    #[test]
    fn language_is_found_by_tag_alias_or_primary_language() {
        for (tag, found) in [
            ("ja-JP", "ja-JP"),
            ("JA-jp", "ja-JP"),
            ("ja", "ja-JP"),
            ("ar", "ar-XA"),
            ("es-AR", "es-ES"),
            ("en-CA", "en-US"),
            ("en-UK", "en-GB"),
            ("fr-CH", "fr-FR"),
            ("no-NO", "nb-NO"),
            ("iw-IL", "he-IL"),
            ("zh", "zh-CN"),
            ("zh-TW", "cmn-TW"),
            ("zh-HK", "yue-HK"),
            ("zh-Hant-TW", "cmn-TW"),
            ("zh-Hant-HK", "yue-HK"),
            ("cmn-Hant-TW", "cmn-TW"),
            ("cmn-Hans-CN", "cmn-CN"),
            ("en-GB-oed", "en-GB"),
            ("fr-CA-x-own", "fr-CA"),
        ] {
            assert_eq!(find(tag).map(|it| it.tag), Some(found), "{tag}");
        }
        for unknown in ["xx-XX", "tlh", "e", "-", "English"] {
            assert!(find(unknown).is_none(), "{unknown}");
        }
    }
}
