//! Tests of what a template may contain, and that values are inserted as they are.

use proptest::prelude::*;

use super::*;

fn template(text: &str) -> ScriptTemplate {
    text.parse()
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn refusal(text: &str) -> String {
    match text.parse::<ScriptTemplate>() {
        Ok(_) => panic!("{text:?} is accepted"),
        Err(error) => error.to_string(),
    }
}

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn render(text: &str, pairs: &[(&str, &str)]) -> Result<String, RenderError> {
    let script = template(text).render(&values(pairs))?;
    Ok(script.as_str().to_owned())
}

#[test]
fn variables_are_replaced_and_filtered() {
    for (text, wanted) in [
        ("Hello {{ name }}!", "Hello ada lovelace!"),
        ("{{name}}{{name}}", "ada lovelaceada lovelace"),
        ("{{ name | title }}", "Ada Lovelace"),
        ("{{ name | capitalize }}", "Ada lovelace"),
        ("{{ name|upper|lower|upper }}", "ADA LOVELACE"),
        ("<{{ padded | trim }}>", "<x>"),
        ("{{ gone | default('you') | upper }}", "YOU"),
        ("{{ name | default('you') }}", "ada lovelace"),
        ("{{ gone | default(\"{{ }}\") }}", "{{ }}"),
        ("a \n {{- name -}} \n b", "aada lovelaceb"),
    ] {
        let given = [("name", "ada lovelace"), ("padded", " x ")];
        assert_eq!(render(text, &given).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn name_in_capitals_finds_the_variable_of_a_column() {
    let given = [("firstname", "Ada"), ("name", "Eve"), ("Name", "Bob")];
    for (text, wanted) in [
        ("{{ FirstName }} {{ FIRSTNAME | upper }}", "Ada ADA"),
        ("{{ Name }} {{ name }} {{ NAME }}", "Bob Eve Eve"),
        ("{{ FirstName | default('you') }}", "Ada"),
    ] {
        assert_eq!(render(text, &given).as_deref(), Ok(wanted), "{text}");
    }
    // The variables of a column are in lower case. No other variable is found.
    let missing = RenderError::Missing(vec!["name".to_owned()]);
    assert_eq!(render("{{ name }}", &[("Name", "Bob")]), Err(missing));
}

#[test]
fn variable_that_no_recipient_can_have_is_refused() {
    let longest = "a".repeat(64);
    template(&format!("{{{{ {longest} }}}}"));
    let said = refusal(&format!("b {{{{ {longest}a }}}}"));
    assert!(
        said.contains("line 1, column 6): a variable's name has at most 64"),
        "{said}"
    );
    let many = |count: usize| {
        let variables: Vec<_> = (0..count).map(|nth| format!("{{{{ v{nth} }}}}")).collect();
        variables.concat().repeat(2)
    };
    template(&many(64));
    let said = refusal(&many(65));
    assert!(said.contains("a script has at most 64 variables"), "{said}");
}

#[test]
fn text_without_variables_stays_as_it_is() {
    for text in [
        "Your code is {1}.",
        "{ { } } }} %} #} {",
        "{# no comment #}",
        "a\r\n\tb\n\n",
        "\\{ \\u007b <b>&amp;</b> 'x' \"y\" 😀",
    ] {
        assert_eq!(render(text, &[]).as_deref(), Ok(text));
        assert!(template(text).variables().is_empty());
    }
}

#[test]
fn values_are_never_evaluated_or_escaped() {
    for value in [
        "{{ secret }}",
        "{% raw %}",
        "{# x #}",
        "<Say>&amp;\"'",
        "}}",
        "\\n",
    ] {
        let given = [("name", value), ("secret", "s3cret")];
        let wanted = format!("Hi {value}.");
        let script = render("Hi {{ name }}.", &given);
        assert_eq!(script.as_deref(), Ok(wanted.as_str()));
    }
}

#[test]
fn needed_variables_are_those_without_a_default() {
    let text = "{{ a }} {{ b | default('x') }} {{ c | upper | default('x') }} {{ d | default('x') }} {{ d }}";
    let template = template(text);
    assert_eq!(Vec::from_iter(template.variables()), ["a", "c", "d"]);
    let missing = template.render(&values(&[("a", "1"), ("b", "2")]));
    let names = vec!["c".to_owned(), "d".to_owned()];
    assert_eq!(missing, Err(RenderError::Missing(names)));
    let script = template.render(&values(&[("a", "1"), ("c", "3"), ("d", "4")]));
    assert_eq!(script.unwrap().as_str(), "1 x 3 4 4");
}

#[test]
fn everything_but_variables_and_filters_is_refused_with_its_place() {
    const VARIABLE: &str = "only a variable's name may stand";
    const FILTER: &str = "the filters are default, upper";
    const DEFAULT: &str = "default takes one text";
    for (text, line, column, told) in [
        ("a {% for x in y %}", 1, 3, "must not contain {%"),
        ("ä\nä{%", 2, 2, "must not contain {%"),
        ("a {{ name", 1, 10, "}} is missing"),
        ("a {{ }}", 1, 6, VARIABLE),
        ("a {{", 1, 5, VARIABLE),
        ("{{ a b }}", 1, 6, VARIABLE),
        ("ä\n{{ a + b }}", 2, 6, VARIABLE),
        ("{{ 'x' * 100000000 }}", 1, 4, VARIABLE),
        ("{{ a.b }}", 1, 5, VARIABLE),
        ("{{ a[0] }}", 1, 5, VARIABLE),
        ("{{ a() }}", 1, 5, VARIABLE),
        ("{{ a if b }}", 1, 6, VARIABLE),
        ("{{ not a }}", 1, 4, VARIABLE),
        ("{{ a is defined }}", 1, 6, VARIABLE),
        ("{{ {'a': b} }}", 1, 4, VARIABLE),
        ("{{ true }}", 1, 4, VARIABLE),
        ("{{ 'text' | upper }}", 1, 4, VARIABLE),
        ("{{ a | trim('x') }}", 1, 12, VARIABLE),
        ("{{ a | replace('a', 'b') }}", 1, 8, FILTER),
        ("{{ a | }}", 1, 8, FILTER),
        ("{{ a | default }}", 1, 16, DEFAULT),
        ("{{ a | default(b) }}", 1, 16, DEFAULT),
        ("{{ a | default(1) }}", 1, 16, DEFAULT),
        ("{{ a | default('x', true) }}", 1, 19, DEFAULT),
        ("{{ a | default('x' 'y') }}", 1, 20, DEFAULT),
        (
            "{{ a|trim|trim|trim|trim|trim }}",
            1,
            25,
            "at most 4 filters",
        ),
    ] {
        let said = refusal(text);
        let place = format!("line {line}, column {column})");
        assert!(
            said.contains(&place) && said.contains(told),
            "{text}: {said}"
        );
    }
    assert!(refusal("{{ a | default('x }}").contains("unexpected end of string"));
}

#[test]
fn deep_nesting_is_refused() {
    // Each of these would overflow the stack of minijinja's parser, or fail in it.
    for open in [
        "(", "[", "{a:", "-", "not ", "a if ", "a|upper(", "a[", "a(", "a.b + ",
    ] {
        refusal(&format!("{{{{ {}", open.repeat(2_900 / open.len())));
    }
    let filters = "|trim".repeat(590);
    refusal(&format!("{{{{ a{filters} }}}}"));
}

#[test]
fn template_and_script_obey_the_rules_of_scripts() {
    for bad in ["", " \n", "a\0", "a\u{FFFE}"] {
        refusal(bad);
    }
    refusal(&"a".repeat(3_001));
    let script = |text, value: &str| render(text, &[("x", value)]);
    assert!(script("{{ x }}", &"😀".repeat(3_000)).is_ok());
    for (text, value) in [
        ("{{ x }}", "a".repeat(3_001)),
        ("{{ x }}", " ".to_owned()),
        ("{{ x }}", String::new()),
        ("{{ x }}", "\0".to_owned()),
        ("{{ x }}", "a".repeat(50_000_000)),
    ] {
        let refused = script(text, &value);
        assert!(
            matches!(refused, Err(RenderError::Invalid(_))),
            "{refused:?}"
        );
    }
    let many = "{{x}}".repeat(600);
    assert!(script(&many, "12345").is_ok());
    assert!(script(&many, "123456").is_err());
    assert!(script(&many, &"😀".repeat(1_000)).is_err());
}

#[test]
fn characters_are_spelled_one_by_one() {
    let spelled = render("Code {{ x | spell }}.", &[("x", "4A7")]);
    assert_eq!(spelled.unwrap().as_str(), "Code 4, A, 7.");
}

#[test]
fn value_is_text_in_ssml_after_every_filter() {
    let ssml = |source: &str| -> Ssml { source.parse().unwrap() };
    let source = ssml("<p>{{ x | title }}</p><sub alias=\"{{ x }}\">x</sub>");
    let template = ScriptTemplate::of_ssml(&source).unwrap();
    for value in [
        "tom & <b>jerry</b> \"o'hara\" ]]> 1/2",
        "&amp;",
        "{{ x }}",
        "é",
    ] {
        let given = BTreeMap::from([("x".to_owned(), value.to_owned())]);
        let rendered = template.render(&given).unwrap();
        let words = ssml(rendered.as_str()).plain_text();
        assert!(words.ends_with(value), "{words}");
        assert_eq!(words.to_lowercase(), value.repeat(2).to_lowercase());
    }
}

#[test]
fn template_is_never_printed() {
    let template = template("secret {{ name }}");
    assert_eq!(format!("{template:?}"), "ScriptTemplate(17 characters)");
    let json = serde_json::to_string(&template).unwrap();
    assert_eq!(json, "\"secret {{ name }}\"");
}

proptest! {
    #[test]
    fn any_text_is_a_template_or_refused(text in "[ -~\n{}%#|('\"é]{1,80}", value in ".{0,40}") {
        if let Ok(template) = text.parse::<ScriptTemplate>() {
            let given = template.variables().iter();
            let given = given.map(|name| (name.clone(), value.clone())).collect();
            if let Ok(script) = template.render(&given) {
                prop_assert!(script.as_str().chars().count() <= 3_000);
            }
        }
    }

    #[test]
    fn value_is_inserted_between_the_texts_around_it(before in "[ -z|}~\n\u{a0}-\u{17f}]{0,40}", value in "[ -~\n\u{1F600}-\u{1F64F}]{0,80}", after in "[ -z|}~\n]{0,40}") {
        let text = format!("{before}{{{{ x }}}}{after}");
        let wanted = format!("{before}{value}{after}");
        prop_assume!(text.parse::<Script>().is_ok() && wanted.parse::<Script>().is_ok());
        prop_assert_eq!(render(&text, &[("x", &value)]), Ok(wanted));
    }
}
