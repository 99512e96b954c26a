//! Reads the paths in a Rust source, as far as it takes to see which modules and crates it names.
//!
//! A lexer and no more: comments and literals are skipped, `use` trees and `super` are followed, macros are read as
//! plain tokens.

/// What a path begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A top module of its own crate, however it is reached.
    Module(String),
    /// Another crate and what is named in it; or anything else that stands before a `::`, such as a type.
    Crate(String, Option<String>),
}

/// Everything a source names, with its line. `module` is the path of the file's module, such as `["jobs", "rate"]`.
pub fn names(module: &[&str], source: &str) -> Vec<(usize, Name)> {
    let tokens = tokens(source);
    let mut names = Vec::new();
    // The braces that are open: those of an inline module with its name.
    let mut scopes: Vec<Option<&str>> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (before, rest) = tokens.split_at(at);
        let here = || module.iter().copied().chain(scopes.iter().copied().flatten()).collect();
        match (rest[0].text, text(rest, 1)) {
            ("{", _) => scopes.push(module_before(before)),
            ("}", _) => drop(scopes.pop()),
            ("crate", "::") => follow(Vec::new(), &rest[2..], &mut names),
            ("self", "::") => follow(here(), &rest[2..], &mut names),
            ("super", "::") => follow(here(), rest, &mut names),
            (name, "::") if is_word(name) => {
                let inner = Some(text(rest, 2)).filter(|inner| is_word(inner));
                names.push((rest[0].line, Name::Crate(name.to_owned(), inner.map(str::to_owned))));
            }
            (name, ";" | "as") if before.last().is_some_and(|token| token.text == "use") => {
                names.push((rest[0].line, Name::Crate(name.to_owned(), None)));
            }
            _ => {}
        }
        at += path_length(rest);
    }
    names
}

/// How many tokens belong to the path that the tokens begin with; 1 if it is none. Only a tree of paths has `{` after `::`.
fn path_length(tokens: &[Token<'_>]) -> usize {
    let mut length = 1;
    while is_word(text(tokens, length - 1)) && text(tokens, length) == "::" {
        match text(tokens, length + 1) {
            "{" => return length + 1 + tree(&tokens[length + 1..]).1,
            next if is_word(next) => length += 2,
            _ => break,
        }
    }
    length
}

/// Follows a path, or a tree of them, from the module `base`.
fn follow(mut base: Vec<&str>, tokens: &[Token<'_>], names: &mut Vec<(usize, Name)>) {
    match text(tokens, 0) {
        "" => {}
        "{" => tree(tokens).0.into_iter().for_each(|entry| follow(base.clone(), &tokens[entry..], names)),
        "super" => {
            base.pop();
            if text(tokens, 1) == "::" {
                follow(base, &tokens[2..], names);
            }
        }
        name => names.push((tokens[0].line, Name::Module((*base.first().unwrap_or(&name)).to_owned()))),
    }
}

/// Where the entries of a `{…}` begin, and how many tokens it has.
fn tree(tokens: &[Token<'_>]) -> (Vec<usize>, usize) {
    let (mut starts, mut depth) = (Vec::new(), 0_usize);
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (starts, at + 1);
        }
        let opens = at == 0 || (depth == 1 && token.text == ",");
        if opens && text(tokens, at + 1) != "}" {
            starts.push(at + 1);
        }
    }
    (starts, tokens.len())
}

fn module_before<'a>(tokens: &[Token<'a>]) -> Option<&'a str> {
    match tokens {
        [.., keyword, name] if keyword.text == "mod" => Some(name.text),
        _ => None,
    }
}

/// A word, `::`, or a single character of punctuation.
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// The text of a token, or nothing beyond the last.
fn text<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let skipped = literal(rest, word).or_else(|| comment(rest));
        let length = match skipped {
            Some(length) => length,
            None if word > 0 => word,
            None if rest.starts_with("::") => 2,
            None => first.len_utf8(),
        };
        if skipped.is_none() && !first.is_whitespace() {
            tokens.push(Token { text: &rest[..length], line });
        }
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of the comment that `rest` starts with.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// The length of the string, character or lifetime that `rest` starts with; `word` is that of the word before a quote,
/// which is part of some literals.
fn literal(rest: &str, word: usize) -> Option<usize> {
    let (prefix, body) = rest.split_at(word);
    match prefix {
        "r" | "br" | "cr" => {
            let hashes = body.len() - body.trim_start_matches('#').len();
            let text = body[hashes..].strip_prefix('"')?;
            let end = format!("\"{}", "#".repeat(hashes));
            Some(rest.len() - text.len() + text.find(&end)? + end.len())
        }
        "" | "b" | "c" => match body.chars().next()? {
            '"' => Some(word + 1 + end_of(&body[1..], '"')?),
            '\'' if is_character(&body[1..]) => Some(word + 1 + end_of(&body[1..], '\'')?),
            // A lifetime: its name is no path.
            '\'' => Some(1 + body[1..].find(|c: char| !c.is_alphanumeric() && c != '_')?),
            _ => None,
        },
        _ => None,
    }
}

/// Whether what follows a `'` is a character and not a lifetime.
fn is_character(body: &str) -> bool {
    body.starts_with('\\') || body.chars().nth(1) == Some('\'')
}

/// Where a literal ends, beyond its closing quote.
fn end_of(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}
