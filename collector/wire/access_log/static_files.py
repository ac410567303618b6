"""Which requests may be a person opening a page, by the path alone: neither files nor what programs ask for.

In: a path. Out: whether it may be a page. Promises: never raises; a dot in a page's name makes it no file.
"""

from __future__ import annotations

import re

# Files a page loads, or that are no page. Only endings that mean a file: names such as asp.net, draw.io or notion.so
# are pages about something, and .php or .html are pages themselves.
_STATIC = frozenset(
    (
        *("css", "less", "scss", "sass", "js", "mjs", "cjs", "jsx", "ts", "tsx", "map", "wasm", "swf"),
        *("json", "jsonld", "ndjson", "geojson", "xml", "xsl", "xslt", "xsd", "dtd", "rss", "atom", "rdf", "opml"),
        *("txt", "csv", "tsv", "ics", "vcf", "yaml", "yml", "toml", "ini", "log", "bak", "sql", "sqlite", "env"),
        *("ico", "cur", "png", "apng", "jpg", "jpeg", "jpe", "jfif", "jxl", "jp2", "gif", "svg", "svgz", "webp"),
        *("avif", "heic", "heif", "bmp", "tif", "tiff", "psd", "eps", "woff", "woff2", "ttf", "ttc", "otf", "eot"),
        *("mp3", "mp4", "m4a", "m4v", "m4s", "aac", "flac", "opus", "weba", "webm", "ogg", "oga", "ogv", "wav", "mid"),
        *("midi", "avi", "mov", "mkv", "wmv", "wma", "flv", "3gp", "mpg", "mpeg", "m3u", "m3u8", "mpd", "vtt", "srt"),
        *("pdf", "doc", "docx", "docm", "dot", "dotx", "xls", "xlsx", "xlsm", "ppt", "pptx", "pps", "ppsx", "rtf"),
        *("odt", "ods", "odp", "odg", "pages", "numbers", "epub", "mobi", "azw3", "djvu"),
        *("zip", "gz", "tgz", "bz2", "tbz2", "xz", "txz", "zst", "br", "lz4", "lzma", "7z", "rar", "tar", "jar", "war"),
        *("exe", "msi", "msix", "appx", "dmg", "pkg", "iso", "img", "deb", "rpm", "apk", "aab", "ipa", "crx", "xpi"),
        *("whl", "gem", "nupkg", "bin", "dat", "dll", "torrent", "asc", "sig", "pem", "crt", "cer", "md5", "sha1"),
        *("sha256", "sha512", "webmanifest", "manifest", "appcache", "glb", "gltf", "stl", "kml", "kmz", "gpx"),
        "plist",
    )
)
# What browsers, feed readers, plugins and other servers ask for by themselves.
_MACHINES = re.compile(
    r"/(?:wp-json|wp-includes|\.well-known|cdn-cgi|socket\.io|sockjs-node|_next/(?:image|data|static)|__webpack_hmr)(?:/|$)"
    r"|/(?:wp-cron|xmlrpc|wp-trackback|admin-ajax|admin-post|async-upload|load-scripts|load-styles|matomo|piwik)\.php$"
    r"|/(?:healthz|livez|readyz|server-status|nginx_status|stub_status|fpm-status)/?$",
    re.IGNORECASE,
)


def may_be_page(path: str) -> bool:
    """Whether a person may have opened this path (no query, no fragment) as a page."""
    # `style.css;v=2` is the file; a slash at the end makes it a page about it.
    name = path.rpartition("/")[2].partition(";")[0]
    dot = name.rfind(".")
    if dot >= 0 and name[dot + 1 :].lower() in _STATIC:
        return False
    return _MACHINES.search(path) is None
