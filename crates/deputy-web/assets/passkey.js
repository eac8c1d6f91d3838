// Asks the browser for a passkey, for the forms that want one: `data-passkey` says whether one is
// made or used, `data-options` where to read what to ask for. The answer goes with the form, in its
// field `credential`. Pages work without this file; then these forms stay hidden.
'use strict';

(() => {
  if (!window.PublicKeyCredential) return;

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, '-')
      .replace(/\//g, '_')
      .replace(/=+$/, '');
  const known = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

  const make = async ({ publicKey }) => {
    const made = await navigator.credentials.create({
      publicKey: {
        ...publicKey,
        challenge: bytes(publicKey.challenge),
        user: { ...publicKey.user, id: bytes(publicKey.user.id) },
        excludeCredentials: known(publicKey.excludeCredentials),
      },
    });
    return {
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      response: {
        attestationObject: text(made.response.attestationObject),
        clientDataJSON: text(made.response.clientDataJSON),
        transports: made.response.getTransports?.() ?? [],
      },
    };
  };

  const use = async ({ publicKey }) => {
    const used = await navigator.credentials.get({
      publicKey: {
        ...publicKey,
        challenge: bytes(publicKey.challenge),
        allowCredentials: known(publicKey.allowCredentials),
      },
    });
    const handle = used.response.userHandle;
    return {
      id: used.id,
      rawId: text(used.rawId),
      type: used.type,
      response: {
        authenticatorData: text(used.response.authenticatorData),
        clientDataJSON: text(used.response.clientDataJSON),
        signature: text(used.response.signature),
        userHandle: handle && handle.byteLength > 0 ? text(handle) : null,
      },
    };
  };

  const ask = async (form) => {
    const csrf = form.elements.namedItem('csrf')?.value ?? '';
    const answer = await fetch(form.dataset.options, {
      method: 'POST',
      body: new URLSearchParams({ csrf }),
    });
    const said = await answer.json();
    if (said.location) {
      window.location.assign(said.location);
      return;
    }
    const credential = await (form.dataset.passkey === 'make' ? make : use)(said);
    form.elements.namedItem('credential').value = JSON.stringify(credential);
    form.submit();
  };

  for (const form of document.querySelectorAll('form[data-passkey]')) {
    const problem = form.querySelector('.passkey-problem');
    form.hidden = false;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      problem.hidden = true;
      const button = form.querySelector('button');
      button.disabled = true;
      try {
        await ask(form);
      } catch {
        problem.hidden = false;
      }
      button.disabled = false;
    });
  }
})();
