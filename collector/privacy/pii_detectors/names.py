"""Names of parameters and properties whose value is a secret or a person, whatever the value looks like.

A name is read by its last part: `user[email]`, `customer_email`, `customerEmail`
and `x-email` are all an e-mail address.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import cast

from ...text.re2 import Pattern, regex
from .detector import PLACEHOLDERS, Detector, words

# As the last part of a name, or as all of it; compared in small letters, without accents and what stands between.
_LAST = words(
    """
    token accesstoken authtoken refreshtoken idtoken csrf csrftoken xsrf xsrftoken jwt bearer apikey accesskey
    privatekey secretkey authkey resetkey licensekey activationkey secret clientsecret signature sig hmac nonce
    auth authorization oauth otp totp password passwd passwort pwd passphrase passcode passwordhash credential
    credentials kennwort contrasena senha motdepasse mdp wachtwoord haslo heslo jelszo parola sifre losenord
    adgangskode passord salasana geslo lozinka parool slaptazodis palavrapasse authcode accesscode resetcode
    invitecode activationcode verificationcode confirmationcode securitycode logincode smscode recoverycode
    backupcode pincode resettoken invitetoken logintoken magiclink samlresponse samlrequest oauthtoken
    oauthverifier session sessionid sessid sid phpsessid jsessionid aspsessionid user userid uid username
    userhash emailhash customerid accountid memberid visitorid clientid deviceid patientid employeeid studentid
    subscriberid personid profileid guestid contactid leadid fingerprint customernumber accountnumber
    membernumber kundennummer kundenid benutzer benutzername utilisateur usuario utente gebruiker gebruikersnaam
    uzytkownik email mail emails mails emailaddress useremail mailaddress correo correoelectronico courriel
    epost eposta mejl sahkoposti posta phone telephone telefon telefono telefone telefoon phonenumber phoneno
    telephonenumber mobilenumber mobileno mobilephone cellphone msisdn telefonnummer telefonnr handynummer
    handynr mobilnummer rufnummer puhelin puhelinnumero celular numerotelephone telefoonnummer whatsapp ip
    ipaddress ipaddr streetaddress homeaddress billingaddress shippingaddress postaladdress deliveryaddress lat
    lng latitude longitude firstname lastname fullname surname givenname familyname realname nickname maidenname
    vorname nachname familienname prenom nomdefamille apellido apellidos nombrecompleto cognome sobrenome
    voornaam achternaam imie nazwisko jmeno prijmeni etunimi sukunimi fornavn etternavn efternavn fornamn
    efternamn prenume vezeteknev keresztnev birthday birthdate dateofbirth dob geburtsdatum geburtstag
    fechanacimiento datenaissance ssn iban card cardnumber creditcard creditcardnumber cvv cvc cvv2
    passportnumber passport guestname contactname customername clientname patientname visitorname membername
    ordername bookingname orderkey bookingcode
    socialsecuritynumber taxid steuernummer nationalid personnummer dni nif codicefiscale pesel
    bsn пароль токен почта телефон имя фамилия логин 密码 密碼 邮箱 電話 电话 手机 姓名
    パスワード メール メールアドレス 電話番号 氏名 비밀번호 이메일
    전화번호 이름 κωδικος סיסמה
    """
)
# Only as all of a name: "sort_key", "country_code", "is_mobile" and "boarding_pass" are ordinary.
_WHOLE = words(
    """
    code key state hash checksum pin pass reset invite invitation verification verify confirm confirmation magic
    mobile tel handy login ticket saml lon address street cfid cftoken clave
    adresse direccion indirizzo endereco naam
    """
)
# Names that a last part would make a secret of, and that are none.
_ORDINARY = words(
    """
    newuser isuser returninguser newsession firstsession firstuser loggedinuser hasuser hassession hastoken
    hasemail hasphone hasaccount hasauth needsauth requiresauth isauth trainingsession yogasession photosession
    livesession keynotesession breakoutsession postersession directmail giftcard hasmail designtoken
    businesscard postcard sdcard simcard graphiccard graphicscard greetingcard scorecard isemail isphone
    """
)
# What may stand behind the part that says it.
_BEHIND = words("confirmation confirm repeat again verify verification value field input new old raw")

# Every name that is one by itself.
SECRET_NAMES = _LAST | _WHOLE
_NOT_SEPARATED = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
# A longer name is no parameter's.
_LONGEST = 64
_NAMES_CACHED = 1024


@lru_cache(maxsize=_NAMES_CACHED)
def is_secret(name: str) -> bool:
    """Whether a parameter of that name holds a secret or a person whatever its value looks like."""
    name = name[-_LONGEST:]
    if not name.isascii():
        # Without accents: "contraseña", "prénom".
        decomposed = unicodedata.normalize("NFKD", name)
        plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).replace("ł", "l")
        name = unicodedata.normalize("NFC", plain if plain.isascii() else name)
    whole = "".join(_NOT_SEPARATED.findall(name)).lower()
    if whole in SECRET_NAMES or whole.rstrip("0123456789") in SECRET_NAMES:
        return True
    parts = [part.lower() for part in _PARTS.findall(name)]
    while len(parts) > 1 and parts[-1] in _BEHIND:
        parts.pop()
    if len(parts) == 1 and parts[0] in SECRET_NAMES:
        return True
    ends = ["".join(parts[-count:]) for count in range(1, 5)]
    return any(end in _LAST for end in ends) and not any(end in _ORDINARY for end in ends)


_PLACEHOLDERS = frozenset(f":{name}".encode() for name in PLACEHOLDERS)
# A name, also in brackets, and the beginning of its value. As JSON writes it the value is in quotes.
_OF_NAME = rb"[\w.\[\]\x80-\xff-]"
# Not RE2's, which is slow where a group begins with anything. It is linear all the same: it begins at a word's first
# letter only, and takes nothing back.
_PAIR = cast(Pattern, re.compile(rb"(?<!%s)(%s++=)(?=[^&#;\s])" % (_OF_NAME, _OF_NAME)))
_VALUE = re.compile(rb"[^&#;\s]*+")
_JSON_PAIR = regex(rb"\"(%s{1,64}\"\s?:\s?\")[^\"]" % _OF_NAME)
_JSON_VALUE = re.compile(rb"[^\"]*+")
# So many pairs no reader's text has.
_MOST_PAIRS = 64


def _secret(raw: bytes, start: int, stop: int) -> bytes:
    name, mark, value = raw[start:stop].partition(b"=")
    if value in _PLACEHOLDERS or not is_secret(name.decode("utf-8", "ignore")):
        return raw[start:stop]
    return name + mark + b":secret"


def _json_secret(raw: bytes, start: int, stop: int) -> bytes:
    found = raw[start:stop]
    name = found[: found.index(b'"')]
    value = found.rindex(b'"') + 1
    if found[value:] in _PLACEHOLDERS or not is_secret(name.decode("utf-8", "ignore")):
        return found
    return found[:value] + b":secret"


NAME_DETECTORS = (
    Detector(lambda raw: b"=" in raw, _PAIR, _secret, _VALUE, most=_MOST_PAIRS),
    Detector(lambda raw: raw.count(b'"') > 3, _JSON_PAIR, _json_secret, _JSON_VALUE, most=_MOST_PAIRS),
)
