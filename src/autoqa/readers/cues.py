"""What agents and customers say, and in which language: a few phrases that tell.

Readers need to tell sides and languages apart in recognisers' output that names neither. They may
not import scorers, so the phrases here are their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache

_DESK = {
    "en": (
        "thank you for calling, thanks for calling, thank you for contacting, thanks for "
        "contacting, thank you for reaching out, thanks for reaching out, how can i help, how may "
        "i help, how can i assist, how may i assist, anything else i can, is there anything else, "
        "help you with anything else, call is recorded, call may be recorded, call is being "
        "recorded, thank you for holding, thanks for holding"
    ),
    "es": (
        "gracias por llamar, gracias por su llamada, gracias por contactar, gracias por "
        "comunicarse, en que puedo ayudar, en que le puedo, en que te puedo, como puedo ayudar, "
        "hay algo mas en, alguna otra cosa en, algo mas en lo que, ayudarle en algo mas, llamada "
        "se graba, llamada sera grabada, llamada esta siendo grabada, llamada puede ser grabada"
    ),
    "it": (
        "grazie per aver chiamato, grazie per averci chiamato, grazie della chiamata, grazie per "
        "averci contattato, grazie per aver contattato, come posso aiutar, in cosa posso, come "
        "posso esser, aiutarla in altro, posso fare altro, ha bisogno di altro, chiamata e "
        "registrata, chiamata registrata, chiamata viene registrata, chiamata potrebbe essere"
    ),
    "zh": (
        "感谢您的来电, 感谢来电, 欢迎致电, 感谢您致电, 很高兴为您服务, 为您服务, 请问有什么可以, "
        "有什么可以帮, 有什么能帮, 还有其他, 还有什么可以, 还有别的需要, 通话将被录音, 为您转接"
    ),
}
"""What only people at work say, opening and closing a conversation."""

_AGENT = {
    "en": (
        "what can i do for you, you are speaking with, youre speaking with, am i speaking with, "
        "may i have your, could i have your, can i have your, can i take your, can i get your, "
        "could i get your, confirm your, verify your, whats the account number, date of birth, for "
        "security, let me check, let me look, let me pull up, let me take a look, ill check that, "
        "bear with me, one moment please, just a moment please, put you on hold, place you on "
        "hold, transfer you, put you through, i apologize for, i apologise for, sorry for the "
        "inconvenience, sorry about the inconvenience, sorry to hear, understand your "
        "frustration, understand how frustrating, i can see that, i can see your, i see here, on "
        "your account, in our system, our records, our policy, have a great day, have a nice day, "
        "have a good day, have a wonderful, being recorded, thank you for your patience, thanks "
        "for your patience, thank you for waiting, would you like me to, happy to help, glad to "
        "help, happy to assist, i can offer you, ive processed, ive issued, well refund, we will "
        "refund, what seems to be the"
    ),
    "es": (
        "le atiende, te atiende, le saluda, le habla, digame, cuenteme, mi nombre es, con quien "
        "tengo el gusto, me puede indicar, me puede facilitar, me puede confirmar, me puede decir "
        "su, puede confirmarme, me indica su, me confirma su, me facilita su, me dice su, fecha de "
        "nacimiento, numero de cliente, por seguridad, por motivos de seguridad, permitame, "
        "permiteme, un momento por favor, deme un momento, no cuelgue, en espera, le transfiero, "
        "le paso con, le voy a pasar, lamento, le pido disculpas, disculpe las molestias, disculpe "
        "la espera, sentimos las molestias, siento las molestias, veo que su, veo en su, aqui veo, "
        "aqui me aparece, en su cuenta, en el sistema, que tenga un buen, que tenga buen, que "
        "tengas un buen, que pase un buen, gracias por su paciencia, gracias por esperar, gracias "
        "por la espera, quedo a su disposicion, con gusto le, con mucho gusto, entiendo su"
    ),
    "it": (
        "sono a sua disposizione, le parla, con chi parlo, posso esserle utile, serve altro, mi "
        "puo confermare, mi puo dare, mi puo dire il, mi puo fornire, mi conferma, mi indica, mi "
        "dica, dica pure, mi dice il suo, data di nascita, codice cliente, codice fiscale, per "
        "sicurezza, per motivi di sicurezza, un attimo solo, un momento per favore, un attimo per "
        "favore, attenda in linea, resti in linea, la metto in attesa, le passo, la trasferisco, "
        "mi dispiace per, mi scuso per, ci scusiamo, le chiedo scusa, vedo che la sua, vedo che il "
        "suo, vedo qui, qui vedo, qui risulta, mi risulta, sul suo conto, sul suo account, nel "
        "sistema, le auguro, buona giornata a lei, buon proseguimento, grazie per la pazienza, "
        "grazie per lattesa, grazie per aver atteso, capisco il disagio, verifico subito, "
        "controllo subito, glielo, le invio, le mando, le confermo, posso proporle"
    ),
    "zh": (
        "请问您, 工号, 请您提供, 麻烦您提供, 请提供, 核实一下, 核对一下, 为了您的安全, "
        "为了账户安全, 请稍等, 您稍等, 请您稍等, 帮您查, 为您查, 帮您核实, 给您查, 帮您看, "
        "帮您转接, 非常抱歉, 很抱歉, 给您带来, 请您谅解, 理解您的, 系统显示, 这边看到, 我这边, "
        "祝您, 感谢您的耐心, "
        "让您久等, 帮您申请, 为您办理, 帮您办理, 您的满意, 感谢您的支持, 您看可以吗, 您方便"
    ),
}
_CUSTOMER = {
    "en": (
        "im calling because, i am calling because, im calling about, i am calling about, im "
        "calling to, i was calling, i need help, can you help me, could you help me, i have a "
        "problem, i have an issue, im having a problem, im having an issue, having trouble, i "
        "ordered, i bought, i paid, i was charged, you charged me, i never received, i havent "
        "received, i still havent, i didnt get, my order, my bill, my account, my card, my "
        "package, my parcel, my phone, my internet, my router, my money, my address is, my number "
        "is, my name is, i tried, ive been waiting, ive been trying, ive called, i already called, "
        "speak to a manager, speak to your, speak to someone, your company, you guys, you people, "
        "cancel my, want my money, thanks for your help, thank you for your help, that would be "
        "great, thats all, this is ridiculous, this is unacceptable, i forgot my, id like to "
        "return, id like to cancel, i want to cancel, i want to return, i want a refund"
    ),
    "es": (
        "llamo porque, estoy llamando porque, llamaba porque, llamo por, les llamo, llamaba para, "
        "quiero cancelar, quiero devolver, quiero hablar con, quiero que me, queria saber, "
        "quisiera saber, me han cobrado, me cobraron, me estan cobrando, me llego, no me ha "
        "llegado, no me llega, no me funciona, compre, pedi, pague, he pagado, mi pedido, mi "
        "factura, mi cuenta, mi tarjeta, mi paquete, mi linea, mi internet, mi dinero, mi numero "
        "es, me puede ayudar, me pueden ayudar, tengo un problema, llevo esperando, llevo dias, ya "
        "llame, he llamado, ustedes, nada mas gracias, eso es todo, gracias por su ayuda, gracias "
        "por la ayuda, muy amable, no puede ser, es una verguenza"
    ),
    "it": (
        "chiamo perche, sto chiamando perche, chiamavo per, la chiamo per, vi chiamo, volevo "
        "sapere, vorrei sapere, vorrei disdire, voglio disdire, voglio parlare con, voglio "
        "annullare, voglio un rimborso, mi avete addebitato, mi hanno addebitato, mi e arrivata, "
        "mi e arrivato, non mi e arrivato, non ho ricevuto, non ho ancora, non mi funziona, non "
        "funziona, ho comprato, ho ordinato, ho pagato, il mio ordine, la mia bolletta, la mia "
        "fattura, il mio conto, la mia carta, il mio pacco, la mia linea, il mio numero e, i miei "
        "soldi, mi puo aiutare, ho un problema, sto aspettando, aspetto da, ho gia chiamato, la "
        "terza volta, nientaltro, e tutto, grazie dellaiuto, e assurdo, e una vergogna"
    ),
    "zh": (
        "我想问, 我想咨询, 我想查, 我想取消, 我想退, 我要退, 我要投诉, 我要取消, 我的订单, "
        "我的快递, 我的账户, 我的卡, 我的手机, 我的钱, 我的号码是, 我的账单, 我买的, 我买了, "
        "我付了, 我订的, 扣了我, 还没收到, 没有收到, 没收到, 怎么还没, 什么时候能, "
        "什么时候发货, 什么时候到, "
        "能不能帮我, 帮我查, 帮我看, 怎么回事, 你们, 太慢了, 打了好几次, 没有了谢谢, 没有别的了, "
        "可以退吗, 怎么办"
    ),
}
_YOURS = {"your", "su", "sus", "tu", "tus", "usted", "le", "suo", "sua", "suoi", "sue", "lei"}
_MINE = {"i", "my", "me", "mi", "mis", "mio", "mia", "miei", "mie"}

_COMMON = {
    "en": "the you and that have for with this is are was my your what can not i it to of",
    "es": "el la los que de es en por para con una su mi no se le lo esta pero como muy ya",
    "it": "il la gli che di e in per con una sono mi non si le lo questo ma come della ho",
}
_WORDS_READ = 2000  # enough to tell a language, whatever the length of a call
_CHINESE = re.compile(r"[㐀-鿿]")
_GAP = re.compile(r"[\W_]+")


def lead(texts: Iterable[str], others: Iterable[str]) -> int:
    """Return by how many cues the first speaker, rather than the second, is the agent.

    A phrase counts once, however often it is said. All languages are looked up at once, so a call
    that changes language is no special case. Letter case, accents and punctuation do not matter:
    recognisers leave them out as they like.

    Parameters
    ----------
    texts, others : iterable of str
        The turns of two speakers.

    Returns
    -------
    int
        Above 0 where the first speaker talks more like an agent than the second does.
    """
    one, other = _plain(" . ".join(texts)), _plain(" . ".join(others))
    # Agents ask for "your number", customers give "my number".
    mine, theirs = _address(one), _address(other)
    return _balance(one) - _balance(other) + (mine > 2 * theirs) - (theirs > 2 * mine)


def language_of(texts: Iterable[str]) -> str | None:
    """Return en, es, it or zh, or None where the words do not show clearly which."""
    said = " ".join(texts)
    if len(_CHINESE.findall(said)) > 0.3 * sum(map(str.isalpha, said)):
        return "zh"
    words = _plain(said).split()[:_WORDS_READ]
    counts = {
        language: sum(word in common for word in words)
        for language, common in ((name, set(listed.split())) for name, listed in _COMMON.items())
    }
    first, second, _ = sorted(counts, key=lambda language: -counts[language])
    return first if counts[first] >= 5 and counts[first] > 1.2 * counts[second] else None


def _balance(said: str) -> int:
    desk, agent, customer = _phrases()
    return (
        2 * sum(phrase in said for phrase in desk)
        + sum(phrase in said for phrase in agent)
        - sum(phrase in said for phrase in customer)
    )


@cache
def _phrases() -> tuple[tuple[str, ...], ...]:
    """The tables as they are looked up: a Latin phrase starts where a word starts."""

    def listed(table: Mapping[str, str]) -> tuple[str, ...]:
        phrases = (one.strip() for line in table.values() for one in line.split(","))
        return tuple(one if _CHINESE.match(one) else f" {one}" for one in phrases)

    return listed(_DESK), listed(_AGENT), listed(_CUSTOMER)


def _address(said: str) -> float:
    words = said.split()
    yours = sum(word in _YOURS for word in words) + said.count("您")
    mine = sum(word in _MINE for word in words) + said.count("我")
    return (yours + 1) / (mine + 1)


def _plain(text: str) -> str:
    """Lower case without accents and punctuation; one space before every word."""
    bare = unicodedata.normalize("NFKD", text.casefold().replace("'", "").replace("’", ""))
    return " " + _GAP.sub(" ", "".join(c for c in bare if not unicodedata.combining(c)))
