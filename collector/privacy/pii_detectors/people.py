"""What names somebody by itself: e-mail addresses, handles, links to messengers."""

from __future__ import annotations

import re

from ...text.re2 import regex
from .detector import WORD, Detector, always, words

_VERSION_OR_SCALE = re.compile(rb"v?[0-9]{1,6}(?:\.[0-9]{1,6}){0,2}(?:-|$)|[0-9](?:\.[0-9])?x\.")
# Names of packages begin with the name of who publishes them: "@angular/core". What follows an "@" in no other place.
_SCOPES = words(
    """
    actions adobe algolia angular ant-design antv apollo applitools astrojs atlaskit auth0 aws-amplify aws-cdk
    aws-sdk azure babel backstage biomejs bufbuild builder ckeditor clack clerk cloudflare codemirror commitlint
    chakra-ui changesets contentful csstools cypress datadog deck dnd-kit docusaurus electron electron-forge
    emotion esbuild eslint expo fastify fluentui floating-ui fontsource formatjs fortawesome fullcalendar
    gatsbyjs google-cloud graphql-codegen graphql-tools grpc hapi headlessui heroicons hookform hotwired
    huggingface iconify inquirer ionic jest jridgewell jupyterlab langchain lerna lezer lit loopback mantine
    mapbox material material-ui mdi mdx-js microsoft modelcontextprotocol mui nestjs netlify nextui ngrx
    ngx-translate nivo npmcli nrwl nuxt nuxtjs nx octokit opentelemetry openzeppelin parcel pinia pkgjs
    playwright pmndrs pnpm polymer popperjs prettier primevue prisma progress puppeteer radix-ui react-aria
    react-email react-native react-native-community react-navigation react-spring reduxjs remix-run rjsf rollup
    rushstack sanity semantic-release sentry shopify sinclair sindresorhus smithy solana solidjs storybook
    stripe supabase svelte sveltejs svgr swc tailwindcss tanstack tauri-apps tensorflow testing-library tiptap
    trpc tsconfig turf typechain types typescript-eslint uiw unhead unocss vercel visx vite vitejs vitest vue
    vueuse wagmi webassemblyjs wordpress xstate yarnpkg zag-js zxing
    """
)
# "/maps/@48.1,11.5,12"
_NUMBER = re.compile(r"[0-9]+\.[0-9]+")
# Before the scope of a package that is not in the list.
_REGISTRY = re.compile(
    rb"(?:^|[^a-z])(?:npm|npmx?|packages?|node_modules|yarn|pnpm|unpkg\.com|jsdelivr\.net|jsr|esm\.sh|skypack\.dev|install|"
    rb"i|add|require\(?['\"]?|import\(?\s?['\"]?|from ?['\"]?)[/ ]?$"
)
# Words of style sheets and of annotations: "/docs/Web/CSS/@media", "@Override".
_AT_WORDS = words(
    """
    media import charset namespace supports page font-face keyframes layer container property counter-style
    font-feature-values font-palette-values color-profile scope starting-style view-transition document viewport
    position-try apply tailwind include mixin extend use forward param return returns throws deprecated see
    since override autowired nullable nonnull test bean entity dataclass staticmethod classmethod input output
    component injectable
    """
)


def _email(raw: bytes, start: int, stop: int) -> bytes:
    # Not "react@18.2.0" nor "logo@2x.png".
    text = raw[start:stop]
    if text[:1] == b"@":
        # With its server, as Mastodon writes it; but "@angular/core@17.0.1" is the version of a package.
        return b":handle"
    return text if _VERSION_OR_SCALE.match(text.partition(b"@")[2]) else b":email"


def _handle(raw: bytes, start: int, stop: int) -> bytes:
    name = raw[start + 1 : stop].decode("utf-8", "ignore").lower()
    if name in _AT_WORDS or _NUMBER.fullmatch(name):
        return raw[start:stop]
    scope = raw[stop : stop + 1] == b"/" and raw[stop + 1 : stop + 2].isalnum()
    if scope and (name in _SCOPES or _REGISTRY.search(raw[max(0, start - 24) : start].lower())):
        return raw[start:stop]
    return b":handle"


def _has_at(raw: bytes) -> bool:
    return b"@" in raw


_TO_THE_QUERY = re.compile(rb"[^?#&\s]*+")

PEOPLE_DETECTORS = (
    Detector(
        _has_at, regex(rb"(?:\"[^\"]{1,64}\"|@?[.+'~!$*^`{|}%s-]+)@[%s-]+(?:\.[%s-]+)+" % (WORD, WORD, WORD)), _email
    ),
    # "anna [at] example (dot) com"
    Detector(
        lambda raw: b"]" in raw or b")" in raw,
        regex(
            rb"(?i)[.+%s-]+\s?[\[(]\s?at\s?[\])]\s?[%s-]+(?:(?:\.|\s?[\[(]\s?(?:dot|punkt|point|punto)\s?[\])]\s?)[%s-]+)+"
            % (WORD, WORD, WORD)
        ),
        always(b":email"),
    ),
    Detector(_has_at, regex(rb"(?:^|[^.@+%s-])(@[%s](?:[.%s-]*[%s])?)" % (WORD, WORD, WORD, WORD)), _handle),
)
MESSENGER_DETECTORS = (
    Detector(
        lambda raw: b".me/" in raw or b".dog/" in raw or b".ME/" in raw,
        regex(rb"(?i)(?:^|[^.%s-])(?:t\.me|telegram\.(?:me|dog))/([+@]?[%s])" % (WORD, WORD)),
        always(b":handle"),
        _TO_THE_QUERY,
    ),
    Detector(
        lambda raw: b".me/" in raw or b".ME/" in raw,
        regex(rb"(?i)(?:^|[^.%s-])wa\.me/(\+?[%s])" % (WORD, WORD)),
        always(b":phone"),
        _TO_THE_QUERY,
    ),
    Detector(
        lambda raw: b":" in raw and b"tg:" in raw.lower(),
        regex(rb"(?i)(?:^|[^%s])(tg:/{0,2}[^\s:/])" % WORD),
        always(b":handle"),
        re.compile(rb"\S*+"),
    ),
)
