// Makes the table of locales from the CLDR data that Node's ICU carries:
//   node table.mjs > locales.txt
// Digits are 0-9 and the calendar is the Gregorian one in every locale.

const locales = `
en-US en-GB en-CA en-AU en-NZ en-IE en-IN en-ZA en-SG de-DE de-AT de-CH fr-FR fr-BE fr-CA fr-CH es-ES es-MX es-AR es-CO es-CL es-US
it-IT it-CH nl-NL nl-BE pt-BR pt-PT sv-SE nb-NO da-DK fi-FI is-IS pl-PL cs-CZ sk-SK hu-HU ro-RO bg-BG hr-HR sl-SI et-EE lv-LV lt-LT
el-GR tr-TR ru-RU uk-UA ja-JP ko-KR zh-CN zh-TW zh-HK he-IL ar-AE ar-EG ar-SA hi-IN id-ID ms-MY vi-VN th-TH fil-PH ca-ES`.split(/\s+/).filter(Boolean);

// ISO 4217, the codes in use.
const currencies = `
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP CNY COP CRC CUP CVE
CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS
KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR
PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
TWD TZS UAH UGX USD UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG`.split(/\s+/).filter(Boolean);

// ISO 4217's minor units where they aren't two. CLDR has fewer for some (no fillér, no sen), and would round what was paid.
const digits = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
};

const plain = { numberingSystem: "latn", calendar: "gregory", timeZone: "UTC" };
const parts = (format, value) => format.formatToParts(value);
const escape = text => text.replace(/[^\x21-\x7e]/g, c => c === " " || /[\p{L}\p{M}]/u.test(c) ? c : "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
const plainSpaces = text => text.replaceAll("\u202f", " "); // As browsers write times: who reads them expects a space.
const list = texts => escape(texts.join(";"));
const money = (tag, currency, value) => parts(new Intl.NumberFormat(tag, { style: "currency", currency, numberingSystem: "latn" }), value);

/** A symbol with the marks of direction that are its own; ICU gives them beside it. One from right to left before it is the pattern's. */
function symbolOf(tag, currency) {
    const shown = money(tag, currency, 1);
    const at = shown.findIndex(p => p.type === "currency");
    const before = /\u200e$/.exec(shown[at - 1]?.value ?? ""), after = /^[\u200e\u200f]/.exec(shown[at + 1]?.value ?? "");
    return (before ?? "") + shown[at].value + (after ?? "");
}

function moneyPattern(tag, value) {
    // By a currency whose symbol is one: next to a code, CLDR adds a space that isn't the pattern's.
    const currency = currencies.find(c => /^\p{S}$/u.test(symbolOf(tag, c))) ?? "EUR";
    const shown = money(tag, currency, value);
    const number = new Set(["integer", "group", "decimal", "fraction"]);
    let text = "";
    for (const part of shown) {
        const here = part.type === "currency" ? "\u00a4" : number.has(part.type) ? "0" : part.value;
        text += here === "0" && text.endsWith("0") ? "" : here;
    }
    return text;
}

function dateParts(tag, style) {
    const at = new Date(Date.UTC(2025, 6, 9, 16, 5, 7));
    const quoted = text => /[A-Za-z']/.test(text) ? "'" + text.replaceAll("'", "''") + "'" : text;
    const format = new Intl.DateTimeFormat(tag, { ...plain, ...style });
    const early = parts(format, new Date(Date.UTC(2025, 6, 9, 4, 5, 7)));
    return parts(format, at).map(({ type, value }) => {
        switch (type) {
            case "day": return value === "09" ? "dd" : "d";
            case "month": return value === "07" ? "MM" : value === "7" ? "M" : style.dateStyle === "long" ? "MMMM" : "MMM";
            case "year": return value === "25" ? "yy" : "yyyy";
            case "hour": return (value === "16" ? "HH" : "hh").slice(early.find(p => p.type === "hour").value === "4" ? 1 : 0);
            case "minute": return "mm";
            case "dayPeriod": return "a";
            default: return quoted(plainSpaces(value));
        }
    }).join("").replaceAll("''", "");
}

function names(tag, options, type, count, make) {
    const format = new Intl.DateTimeFormat(tag, { ...plain, ...options });
    return Array.from({ length: count }, (_, i) => parts(format, make(i)).find(p => p.type === type).value);
}

function months(tag, width, options) {
    const make = i => Date.UTC(2025, i, 15);
    const within = names(tag, options, "month", 12, make);
    // Where a date has the number alone, with its sign beside it, the name is what stands alone.
    return /^\d+$/.test(within[11]) ? within.map((_, i) => new Intl.DateTimeFormat(tag, { ...plain, month: width }).format(make(i))) : within;
}

const symbols = Object.fromEntries(locales.map(tag => [tag, Object.fromEntries(currencies.map(c => [c, symbolOf(tag, c)]))]));
const usual = Object.fromEntries(currencies.map(c => {
    const counts = new Map();
    for (const tag of locales) counts.set(symbols[tag][c], (counts.get(symbols[tag][c]) ?? 0) + 1);
    return [c, [...counts].sort((a, b) => b[1] - a[1])[0][0]];
}));

const lines = [
    `# Locales, made by table.mjs from the Unicode CLDR, version ${process.versions.cldr}.`,
    "# Copyright 1991-2025 Unicode, Inc. Unicode License V3: see UNICODE-LICENSE.txt.",
    "# number: decimal separator, group separator, digits that a second group takes at least, digits of groups past the first.",
    "# A language alone is the first of its locales here.",
    "",
    "[currencies]",
    "digits=" + Object.entries(digits).flatMap(([n, codes]) => codes.split(" ").map(c => c + " " + n)).join(";"),
    "symbols=" + Object.entries(usual).filter(([c, s]) => c !== s).map(([c, s]) => c + " " + escape(s)).join(";"),
];
for (const tag of locales) {
    const of = (value, type) => money(tag, "EUR", value).find(p => p.type === type)?.value;
    const groups = money(tag, "EUR", 123456789).filter(p => p.type === "integer").map(p => p.value.length);
    const own = currencies.filter(c => symbols[tag][c] !== usual[c]);
    lines.push("", `[${tag}]`,
        `number=${[of(1.5, "decimal"), of(1234567, "group"), of(1234, "group") ? 1 : 2, groups.at(-2)].map(v => escape("" + v)).join(" ")}`,
        `money=${escape(moneyPattern(tag, 1))};${escape(moneyPattern(tag, -1))}`,
        ...(own.length > 0 ? [`symbols=${own.map(c => c + " " + escape(symbols[tag][c])).join(";")}`] : []),
        `months=${list(months(tag, "long", { dateStyle: "long" }))}`,
        `monthsShort=${list(months(tag, "short", { month: "short", day: "numeric", year: "numeric" }))}`,
        `days=${list(names(tag, { weekday: "long", day: "numeric", month: "long" }, "weekday", 7, i => Date.UTC(2025, 5, 1 + i)))}`,
        `daysShort=${list(names(tag, { weekday: "short", day: "numeric", month: "short" }, "weekday", 7, i => Date.UTC(2025, 5, 1 + i)))}`,
        `halves=${list(names(tag, { hour: "numeric", minute: "numeric", hour12: true }, "dayPeriod", 2, i => Date.UTC(2025, 0, 1, 4 + 12 * i)).map(plainSpaces))}`,
        `date=${escape(dateParts(tag, { dateStyle: "medium" }))}`,
        `short=${escape(dateParts(tag, { dateStyle: "short" }))}`,
        `long=${escape(dateParts(tag, { dateStyle: "long" }))}`,
        `time=${escape(dateParts(tag, { timeStyle: "short" }))}`,
        `datetime=${escape(dateParts(tag, { dateStyle: "medium", timeStyle: "short" }))}`);
}
console.log(lines.join("\n"));
