//! Property `signature`: only a request that was signed with a token is accepted.

use std::{collections::BTreeSet, fmt::Write};

use arbitrary::Arbitrary;
use base64::{Engine, prelude::BASE64_STANDARD};
use outdial::twilio::{Signed, sign};
use ring::digest;
use secrecy::SecretString;

use crate::structured;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    url: &'a str,
    token: &'a str,
    params: Vec<(&'a str, &'a str)>,
    picked: usize,
    forged: Forged<'a>,
}

/// A request whose sender does not know the token.
#[derive(Debug, Arbitrary)]
struct Forged<'a> {
    url: &'a str,
    signature: Option<&'a str>,
    tag: [u8; 20],
    settings: Option<&'a str>,
    content_type: Option<&'a str>,
    body: &'a [u8],
}

const TOKEN: &str = "5f0c2f7de1a94b8e9d3c6a7b8190f2e4";

/// Checks signatures. A request is accepted if it was signed with one of the tokens, in any order of its parameters. A
/// request that was changed after signing, or signed with another token, is refused.
///
/// # Panics
///
/// If the property is violated.
pub fn signature(bytes: &[u8]) {
    let Some(input) = structured::read::<Input>(bytes) else {
        return;
    };
    forged(&input.forged);
    // HMAC pads keys with zeros, so these two tokens are the same key.
    if input.token.trim_end_matches('\0') != TOKEN {
        signed(&input);
        signed_body(&input);
    }
}

fn forged(input: &Forged) {
    let tag = BASE64_STANDARD.encode(input.tag);
    for signature in [input.signature, Some(&tag)] {
        let request = Signed {
            url: input.url,
            signature,
            settings: input.settings,
            content_type: input.content_type,
            body: input.body,
        };
        assert!(!accepted(&request, &[TOKEN]), "forged, of {}", request.url);
    }
}

fn signed(input: &Input) {
    let params: BTreeSet<_> = input.params.iter().copied().collect();
    let mut params: Vec<_> = params.into_iter().collect();
    let signature = sign(input.url, &input.params, input.token);
    let form = form(&input.params);
    let request = Signed {
        url: input.url,
        signature: Some(&signature),
        settings: None,
        content_type: None,
        body: form.as_bytes(),
    };
    assert!(accepted(&request, &[TOKEN, input.token]), "{input:?}");
    assert!(
        !accepted(&request, &[TOKEN]),
        "with another token: {input:?}"
    );
    assert!(!accepted(&request, &[]), "without a token: {input:?}");

    let middle = input.picked.checked_rem(params.len()).unwrap_or_default();
    params.rotate_left(middle);
    let rotated = self::form(&params);
    let again = Signed {
        body: rotated.as_bytes(),
        ..request
    };
    assert!(
        accepted(&again, &[input.token]),
        "in another order: {input:?}"
    );

    if let Some(&(name, value)) = params.first() {
        let longer = format!("{value}x");
        if !params.contains(&(name, &longer)) {
            params[0].1 = &longer;
            let changed = self::form(&params);
            let changed = Signed {
                body: changed.as_bytes(),
                ..request
            };
            assert!(!accepted(&changed, &[input.token]), "changed: {input:?}");
        }
    }
    let mut tag = BASE64_STANDARD.decode(&signature).unwrap_or_default();
    let bits = tag.len() * 8;
    let bit = input.picked % bits;
    tag[bit / 8] ^= 1 << (bit % 8);
    for tag in [&tag[..], &tag[1..], &[]] {
        let other = BASE64_STANDARD.encode(tag);
        let other = Signed {
            signature: Some(&other),
            ..request
        };
        assert!(!accepted(&other, &[input.token]), "{input:?}");
    }
}

/// A body that isn't a form is authenticated by its hash in the signed URL.
fn signed_body(input: &Input) {
    let body = input.forged.body;
    let hash = digest::digest(&digest::SHA256, body);
    let mut url = "https://calls.example.com/x?bodySHA256=".to_owned();
    for byte in hash.as_ref() {
        let _ = write!(url, "{byte:02x}");
    }
    let signature = sign(&url, &[], input.token);
    let request = Signed {
        url: &url,
        signature: Some(&signature),
        settings: None,
        content_type: Some("application/json"),
        body,
    };
    assert!(accepted(&request, &[input.token]), "{input:?}");
    let longer = [body, b"x"].concat();
    let changed = Signed {
        body: &longer,
        ..request
    };
    assert!(
        !accepted(&changed, &[input.token]),
        "another body: {input:?}"
    );
}

fn accepted(request: &Signed, tokens: &[&str]) -> bool {
    let tokens: Vec<SecretString> = tokens.iter().map(|&token| token.into()).collect();
    request.is_valid(&tokens)
}

fn form(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish()
}
