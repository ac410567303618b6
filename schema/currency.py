"""The world's currencies: ISO 4217.

In: nothing. Out: for each code how many decimals its minor unit stands for. What is no key of `DECIMALS` is none.
"""

from __future__ import annotations

# ISO 4217, list one as of 2026, without metals, bond market units, funds and test codes: nobody pays with those.
_BY_DECIMALS = {
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC "
    "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD "
    "KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
    "THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
# Withdrawn since 2017: shops that were not told go on naming them, and an import of older orders does so rightly.
_WITHDRAWN = "ANG BGN BYR CUC HRK MRO SLL STD VEF ZWL"
DECIMALS = {code: digits for digits, codes in _BY_DECIMALS.items() for code in codes.split()} | dict.fromkeys(
    _WITHDRAWN.split(), 2
)
DECIMALS["BYR"] = 0
