import base64, email, json, sys, time
from email import policy
from email.message import EmailMessage

POLICY = policy.SMTP


def fill(mail, part):
    content = part["content"]
    if "text" in content:
        mail.set_content(content["text"], subtype=part["kind"].split("/")[1], charset="utf-8")
    elif "mail" in content:
        mail.set_content(email.message_from_string(content["mail"], policy=POLICY))
    elif "bytes" in content:
        kind, subtype = part["kind"].split("/")
        mail.set_content(base64.b64decode(content["bytes"]), kind, subtype, filename=part["name"])
    else:
        mail["Content-Type"] = part["kind"]
        for inner in content["parts"]:
            below = EmailMessage(policy=POLICY)
            fill(below, inner)
            mail.attach(below)


def write(finished):
    mail = EmailMessage(policy=POLICY)
    for name, value in finished["fields"]:
        mail[name] = value.replace("\r\n", "")
    fill(mail, finished["body"])
    return mail.as_bytes()


mails = [json.loads(line) for line in sys.stdin]
start = time.process_time()
for mail in mails:
    write(mail)
print(time.process_time() - start)
