// Hands a challenge to the browser's passkeys, and the answer back in the form. Nothing else.
const form = document.querySelector("form[data-passkey]");
const said = document.getElementById("passkey-said");
const button = form && form.querySelector("button");
async function ask() {
  const work = form.dataset.passkey, options = JSON.parse(form.dataset.options);
  button.disabled = true;
  said.textContent = "Your browser asks you now.";
  try {
    const key = await (work === "create"
      ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }));
    form.elements.answer.value = JSON.stringify(key.toJSON());
    form.submit();
  } catch (error) {
    said.textContent = error.name === "InvalidStateError" ? "This device has a passkey here already."
      : "It did not work, or you stopped it. Try again, or go back and use another way.";
    button.disabled = false;
  }
}
if (form && window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  button.hidden = false;
  if (form.dataset.passkey === "get") ask();
} else if (said) {
  said.textContent = "This browser has no passkeys. Go back and use another way.";
}
